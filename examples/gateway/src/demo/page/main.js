// Runs the comparison and shows it.

import { MODES, SETUPS, flow, kinds, matrix, tokens } from "./plan.js";
import { card, fill } from "./card.js";
import { count, h, milliseconds } from "./draw.js";
import { kindRows, tokenRows } from "./rows.js";
import { lane } from "./waterfall.js";
import { reason, visible } from "./explain.js";
import { sign } from "./sign.js";

const byId = (id) => document.getElementById(id);
const json = async (url, options) => (await fetch(url, options)).json();
const chosen = (name) => document.querySelector(`input[name="${name}"]:checked`).value;
const now = () => performance.timeOrigin + performance.now();

// A document of another origin that makes calls for this page.
class Runner {
  static async open(origin) {
    const frame = h("iframe", { src: `${origin}/runner.html`, title: "makes calls" });
    const loaded = new Promise((resolve) => frame.addEventListener("load", resolve));
    byId("runners").append(frame);
    await loaded;
    return Object.assign(new Runner(), { origin, frame });
  }

  call({ url, method, headers, body, credentials }) {
    const { port1, port2 } = new MessageChannel();
    const answer = new Promise((resolve) => (port1.onmessage = ({ data }) => resolve(data)));
    this.frame.contentWindow.postMessage({ url, method, headers, body, credentials }, this.origin, [port2]);
    return answer;
  }
}

// What the servers saw in a run, on this page's clock.
async function notebook(run) {
  const before = now();
  const { now: theirs, exchanges } = await json(`lab/run?id=${run}`);
  const ahead = theirs - (before + now()) / 2;
  for (const exchange of exchanges) {
    exchange.start -= ahead;
    exchange.end -= ahead;
  }
  return exchanges.sort((a, b) => a.start - b.start);
}

// Gives each call its exchanges. Of calls to one URL, each has the next request that is no preflight,
// with the preflight before it and what a gateway made of it.
function join(calls, exchanges) {
  for (const [at, call] of calls.entries()) {
    const left = exchanges.filter((exchange) => exchange.call === call.tag && !exchange.taken);
    const shared = calls.slice(at + 1).some(({ tag }) => tag === call.tag);
    const own = left.findIndex((exchange) => !exchange.preflight);
    const next = left.findIndex((exchange, index) => index > own && !exchange.forwarded);
    call.exchanges = shared && next > 0 ? left.slice(0, next) : left;
    for (const exchange of call.exchanges) exchange.taken = true;
    call.reason = call.readable ? null : reason(call.exchanges, call.credentials);
    call.result = call.readable ? "readable" : "blocked";
  }
}

// Calls one after the other, as an application makes them.
async function sequence(runner, calls) {
  for (const call of calls) {
    const headers = typeof call.headers === "function" ? await call.headers() : call.headers;
    Object.assign(call, await runner.call({ ...call, headers }));
  }
}

// Calls five at a time, under the browser's limit of connections.
async function pool(runner, calls) {
  const queue = [...calls];
  const worker = async () => {
    for (let call = queue.shift(); call; call = queue.shift()) Object.assign(call, await runner.call(call));
  };
  await Promise.all(Array.from({ length: 5 }, worker));
}

const state = { origins: null, runners: null, flows: {}, running: false };

// All set-ups side by side, for one way to sign in.
async function race(context, mode) {
  const flows = Object.keys(SETUPS).map((setup) => ({ setup, mode, calls: flow(context, setup, mode) }));
  await Promise.all(flows.map(({ setup, calls }) => sequence(state.runners[setup], calls)));
  const exchanges = await notebook(context.run);
  for (const flow of flows) {
    join(flow.calls, exchanges);
    const sent = flow.calls.flatMap((call) => visible(call.exchanges));
    flow.start = flow.calls[0].start;
    flow.ms = flow.calls.at(-1).end - flow.start;
    flow.requests = sent.length;
    flow.preflights = sent.filter((exchange) => exchange.preflight).length;
  }
  return flows;
}

// Every pair of settings in every set-up.
async function combinations(context, mode) {
  const cells = Object.fromEntries(Object.keys(SETUPS).map((setup) => [setup, matrix(context, setup, mode)]));
  await Promise.all(Object.entries(cells).map(([setup, calls]) => pool(state.runners[setup], calls)));
  const exchanges = await notebook(context.run);
  for (const calls of Object.values(cells)) join(calls, exchanges);
  return cells;
}

async function run() {
  if (state.running) return;
  state.running = true;
  const context = { ...state, run: crypto.randomUUID(), rtt: Number(chosen("rtt")) };
  const results = { rtt: context.rtt, setups: {} };
  mark("running");
  try {
    context.session = await json("lab/session", { method: "POST" });
    const modes = Object.keys(MODES).sort((a) => (a === chosen("mode") ? -1 : 1));
    for (const mode of modes) {
      const flows = await race(context, mode);
      state.flows[mode] = flows;
      conclude();
      const cells = await combinations(context, mode);
      const scale = Math.max(...flows.map(({ ms }) => ms));
      for (const flow of flows) {
        const panel = byId(`setup-${flow.setup}-${mode}`);
        fill(panel, flow, cells[flow.setup], scale);
        panel.dataset.state = "done";
        results.setups[`${flow.setup}-${mode}`] = { ...flow, cells: cells[flow.setup] };
      }
      state.flows[mode] = flows.map((flow) => ({ ...flow, cells: cells[flow.setup] }));
      conclude();
    }
    results.kinds = await compare("kinds", kinds(context, (url) => sign(context.session, url)), context, kindRows);
    results.tokens = await compare("tokens", tokens(context), context, tokenRows);
    byId("results").textContent = JSON.stringify(results);
    mark("done");
  } catch (error) {
    byId("verdict").textContent = `The demo did not run to its end: ${error}`;
    mark("failed");
  }
  state.running = false;
}

async function compare(id, calls, context, rows) {
  for (const call of calls) await sequence(state.runners[call.setup ?? "three"], [call]);
  join(calls, await notebook(context.run));
  byId(id).replaceChildren(rows(calls));
  byId(id).dataset.state = "done";
  return calls;
}

function mark(name) {
  for (const element of document.querySelectorAll("[data-state]")) {
    const settled = name !== "running" && element !== document.documentElement;
    if (!settled) element.dataset.state = name;
  }
  for (const id of ["again", "rtt"]) byId(id).disabled = name === "running";
}

// The result in two sentences and three lanes.
function conclude() {
  const flows = state.flows[chosen("mode")];
  if (!flows) return;
  const [three, , one] = flows;
  const scale = Math.max(...flows.map(({ ms }) => ms));
  const works = (flow) => flow.cells?.filter((cell) => cell.readable).length ?? "…";
  byId("lanes").replaceChildren(
    ...flows.map((flow) =>
      h(
        "div",
        { class: "lane", "data-setup": flow.setup },
        h("span", { class: "who" }, SETUPS[flow.setup].title),
        lane(flow, scale),
        h("b", { class: "time" }, milliseconds(flow.ms)),
        h(
          "span",
          { class: "what" },
          `${count(flow.requests, "request")}, ${count(flow.preflights, "preflight")}, `,
          `works with ${works(flow)} of 15 CORS settings`,
        ),
      ),
    ),
  );
  const saved = Math.round((1 - one.ms / three.ms) * 100);
  byId("verdict").replaceChildren(
    "Behind one origin, four calls took ",
    h("strong", {}, milliseconds(one.ms)),
    ` instead of ${milliseconds(three.ms)} `,
    saved > 0 ? h("em", {}, `${saved} % less`) : "",
  );
  byId("reasons").textContent =
    `The browser sent ${count(three.preflights - one.preflights, "preflight")} fewer, and there was no CORS to get right: ` +
    `over three domains the page could read its file with ${works(three)} of 15 settings of API and bucket, on one domain with each.`;
  byId("race").dataset.state = three.cells ? "done" : "running";
}

function select() {
  for (const panel of document.querySelectorAll(".panel")) panel.hidden = panel.dataset.credentials !== chosen("mode");
  conclude();
}

async function start() {
  state.origins = await json("lab/setup");
  const { origins } = state;
  // The page of the one-domain set-up is the one that may frame the runners.
  if (location.origin !== origins.one) return location.replace(origins.one);
  byId("cards").append(...Object.keys(SETUPS).map((setup) => card(setup, origins)));
  byId("config").textContent = origins.one_config;
  const runners = Object.keys(SETUPS).map(async (setup) => [setup, await Runner.open(origins[setup])]);
  state.runners = Object.fromEntries(await Promise.all(runners));
  byId("again").addEventListener("click", run);
  byId("rtt").addEventListener("change", run);
  byId("mode").addEventListener("change", select);
  const asked = new URLSearchParams(location.search).get("rtt");
  const option = document.querySelector(`input[name="rtt"][value="${Number(asked)}"]`);
  if (asked !== null && option) option.checked = true;
  select();
  await run();
}

start().catch((error) => (byId("verdict").textContent = `The demo did not start: ${error}`));
