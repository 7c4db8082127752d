// The server shows times in the reader's own zone: tell it which. Nothing else here is needed for the pages to work.
(() => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  if (!document.cookie.split("; ").includes(`callflows_zone=${zone}`)) {
    document.cookie = `callflows_zone=${zone}; path=/console; max-age=31536000; samesite=lax`;
    if (!document.querySelector("form")) location.reload();
  }
  // One press, one request: a button that was pressed says so and takes no second press.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) { event.preventDefault(); return; }
    if (form.method === "post") {
      form.dataset.sent = "yes";
      for (const button of form.querySelectorAll("button")) button.setAttribute("aria-busy", "true");
    }
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.forms) delete form.dataset.sent;
  });
})();
