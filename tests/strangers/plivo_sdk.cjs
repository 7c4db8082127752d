// The official Plivo SDK for Node, as a stranger: node plivo_sdk.cjs URL AUTH_ID AUTH_TOKEN
// Reads one JSON line per order, {"order": "calls.transfer", "with": [...]}, and answers each with one JSON line:
// {"value": ...} or {"error": {"name", "status", "message"}}.
"use strict";

const readline = require("node:readline");
const plivo = require("plivo");
const axios = require(require.resolve("axios", { paths: [require.resolve("plivo")] })); // the SDK's own

const [url, authId, authToken] = process.argv.slice(2);

// The base URL of voice requests is a constant in the SDK; its HTTP client is asked to go elsewhere.
const send = axios.getAdapter("http");
axios.defaults.adapter = (config) =>
  send({ ...config, url: config.url.replace("https://api.plivo.com", url), proxy: false });

// What its error classes make is no instance of them (its Error is subclassed in the old way), so each says who made it.
const errors = require("plivo/dist/utils/exceptions");
for (const [name, made] of Object.entries(errors)) {
  errors[name] = new Proxy(made, {
    construct: (target, values) => Object.assign(Reflect.construct(target, values), { name }),
  });
}

const client = new plivo.Client(authId, authToken);

async function carryOut({ order, with: values }) {
  const [resource, method] = order.split(".");
  try {
    return { value: await client[resource][method](...values) };
  } catch (error) {
    const { name, status, message } = error instanceof Error ? error : { name: typeof error, message: String(error) };
    return { error: { name, status, message } };
  }
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await carryOut(JSON.parse(line))));
  }
})();
