// What pages gain with JavaScript: times in the reader's zone, durations that count up, parts that are shown anew
// without taking focus, and one press, one request. Everything works without it.
(() => {
  "use strict";
  const base = document.documentElement.dataset.base;
  document.documentElement.classList.add("js");

  // The server writes times in the reader's zone: tell it which.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  const cookie = `callflows_zone=${zone}`;
  if (!document.cookie.split("; ").includes(cookie)) {
    document.cookie = `${cookie}; path=${base}; max-age=31536000; samesite=lax`;
    const kept = document.cookie.split("; ").includes(cookie);
    if (kept && document.querySelector("main time") && !document.querySelector("main form[method=post]")) location.reload();
  }

  // Durations. A page that said them itself would be another page every second.
  let ahead = 0; // of our clock the server's is, in ms
  const two = (n) => String(n).padStart(2, "0");
  const span = (s) =>
    s < 60 ? `${s} s`
      : s < 3600 ? `${Math.floor(s / 60)} min ${two(s % 60)} s`
        : s < 86400 ? `${Math.floor(s / 3600)} h ${two(Math.floor((s % 3600) / 60))} min`
          : `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
  const count = () => {
    const now = Math.floor((Date.now() + ahead) / 1000);
    for (const each of document.querySelectorAll("time[data-since]")) {
      const text = span(Math.max(0, now - Number(each.dataset.since)));
      if (each.textContent !== text) each.textContent = text;
    }
  };
  setInterval(count, 1000);

  // One press, one request. (htmx queues its own.)
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.hasAttribute("hx-post")) return;
    if (form.dataset.sent) { event.preventDefault(); event.stopImmediatePropagation(); return; }
    form.dataset.sent = "yes";
    for (const button of form.querySelectorAll("button")) button.setAttribute("aria-busy", "true");
  }, true);
  window.addEventListener("pageshow", () => {
    for (const form of document.forms) {
      delete form.dataset.sent;
      for (const button of form.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
    }
  });

  // Parts that are polled: not while nobody looks, or somebody marks text in them.
  const polls = () => document.querySelectorAll("[data-poll]");
  document.addEventListener("htmx:beforeRequest", (event) => {
    const part = event.detail.elt;
    if (!("poll" in part.dataset)) return;
    const marked = document.getSelection();
    if (document.hidden || (marked && !marked.isCollapsed && part.contains(marked.anchorNode))) event.preventDefault();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) for (const part of polls()) htmx.trigger(part, "shown");
  });

  // What was the same stays in place; else what is open, in focus or scrolled stays so.
  const shown = new WeakMap();
  const key = (e) => e.dataset.key || e.id || [e.tagName, e.getAttribute("href"), e.name, e.value, e.getAttribute("aria-label")].join(" ");
  const nth = (part, e) => [...part.querySelectorAll(e.tagName)].filter((each) => key(each) === key(e)).indexOf(e);
  const find = (part, tag, name, n) => [...part.querySelectorAll(tag)].filter((each) => key(each) === name)[n];
  let before = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const part = event.detail.target;
    if (!event.detail.shouldSwap) return;
    if ("poll" in part.dataset && shown.get(part) === event.detail.serverResponse) { event.detail.shouldSwap = false; return; }
    shown.set(part, event.detail.serverResponse);
    const focus = part.contains(document.activeElement) && document.activeElement !== part ? document.activeElement : null;
    before = {
      open: [...part.querySelectorAll("details[open][data-key]")].map((e) => e.dataset.key),
      focus: focus && [focus.tagName, key(focus), nth(part, focus)],
      scrolled: [...part.querySelectorAll(".scroll")].map((e) => [e.scrollLeft, e.scrollTop]),
    };
  });
  const settle = (part) => {
    for (const each of part.querySelectorAll("[data-follow]")) each.scrollTop = each.scrollHeight;
    const news = part.querySelector("[data-news]");
    const place = document.getElementById("news");
    if (news && place && part !== document && place.textContent !== news.textContent) place.textContent = news.textContent;
    count();
  };
  document.addEventListener("htmx:afterSwap", (event) => {
    const part = event.detail.target;
    if (before) {
      for (const each of part.querySelectorAll("details[data-key]")) if (before.open.includes(each.dataset.key)) each.open = true;
      part.querySelectorAll(".scroll").forEach((e, n) => { if (before.scrolled[n] && !("follow" in e.dataset)) [e.scrollLeft, e.scrollTop] = before.scrolled[n]; });
      if (before.focus) find(part, ...before.focus)?.focus({ preventScroll: true });
      before = null;
    }
    settle(part);
  });

  // A server that is not heard is said to be so: what stands there is no longer what is.
  const lost = document.getElementById("lost");
  document.addEventListener("htmx:afterRequest", (event) => {
    const { xhr, successful, elt } = event.detail;
    if (successful) {
      const date = Date.parse(xhr.getResponseHeader("Date") || "");
      if (date) ahead = Math.abs(date - Date.now()) > 2000 ? date - Date.now() : 0;
      if (lost && !lost.hidden) lost.hidden = true;
      const form = elt.closest("form[data-clear]");
      if (form) for (const input of form.querySelectorAll("input:not([type=hidden])")) input.value = "";
      return;
    }
    if (xhr.status >= 400 && xhr.status < 500) { // the session is over, say: let the whole page tell, and keep what is filled in
      const form = elt.closest("form");
      if (form) form.submit(); else location.reload();
      return;
    }
    if (lost && lost.hidden) {
      lost.textContent = `The console's server has not answered since ${new Date().toLocaleTimeString()}: this page shows what was before.`;
      lost.hidden = false;
    }
  });

  settle(document);
})();
