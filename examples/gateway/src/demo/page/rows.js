// The two smaller comparisons.

import { visible } from "./explain.js";
import { count, h, milliseconds, table } from "./draw.js";
import { lane } from "./waterfall.js";

const preflights = (call) => visible(call.exchanges).filter((exchange) => exchange.preflight).length;

const outcome = (call) =>
  h(
    "span",
    { class: "outcome", "data-readable": String(call.readable) },
    call.readable ? h("span", {}, `${call.status} `, h("code", {}, call.text)) : `not readable. ${call.reason ?? call.error}`,
  );

const scrolling = (...parts) => h("div", { class: "scroll" }, table(...parts));

// Each kind of call once over origins and once through the gateway.
export function kindRows(calls) {
  const longest = Math.max(...calls.map((call) => call.end - call.start));
  const time = (call) =>
    h("div", { class: "timed" }, lane({ start: call.start, calls: [call] }, longest), milliseconds(call.end - call.start));
  return scrolling(
    "Calls to the API and through the gateway",
    ["Call", "Way", "Time", "Preflights", "Read"],
    calls.map((call) => [
      call.name,
      call.setup === "one" ? "through the gateway" : "to the API’s origin",
      time(call),
      String(preflights(call)),
      outcome(call),
    ]),
  );
}

export const tokenRows = (calls) =>
  scrolling(
    "Calls with a token",
    ["Call", "Preflight", "Read"],
    calls.map((call) => [call.name, asked(call), outcome(call)]),
  );

function asked(call) {
  const preflight = visible(call.exchanges).find((exchange) => exchange.preflight);
  return preflight ? `answered ${preflight.status}` : count(0, "preflight");
}
