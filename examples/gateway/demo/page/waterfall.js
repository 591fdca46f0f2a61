// Requests over time: one lane for the race, a row for each request in a card.

import { place, visible } from "./explain.js";
import { h, milliseconds } from "./draw.js";

// Bars are placed in percent of the longest flow, so that lengths compare between set-ups.
function bar(exchange, start, scale) {
  const kind = exchange.preflight ? "preflight" : place(exchange);
  const element = h("i", { class: `bar ${kind}` });
  element.style.setProperty("--from", `${((exchange.start - start) / scale) * 100}%`);
  element.style.setProperty("--length", `${((exchange.end - exchange.start) / scale) * 100}%`);
  return element;
}

// All requests of a flow in one line.
export function lane({ start, calls }, scale) {
  const exchanges = calls.flatMap((call) => visible(call.exchanges));
  return h("div", { class: "track" }, exchanges.map((exchange) => bar(exchange, start, scale)));
}

function row(exchange, start, scale) {
  const last = exchange.path.split("/").at(-1);
  return h(
    "li",
    { "data-kind": exchange.preflight ? "preflight" : place(exchange) },
    h("span", { class: "request" }, h("b", {}, exchange.method), ` ${last}`),
    h("span", { class: "track" }, bar(exchange, start, scale)),
    h("span", { class: "time" }, milliseconds(exchange.end - exchange.start)),
  );
}

// The calls of a flow with the requests that each took.
export function waterfall({ start, calls }, scale) {
  return h(
    "ol",
    { class: "waterfall" },
    calls.map((call) =>
      h(
        "li",
        {},
        h("p", { class: "call" }, call.name, h("span", {}, milliseconds(call.end - call.start))),
        h("ol", {}, visible(call.exchanges).map((exchange) => row(exchange, start, scale))),
      ),
    ),
  );
}
