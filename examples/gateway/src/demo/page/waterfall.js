// Requests over time: one lane for the race, a row for each request in a card.

import { place, visible } from "./explain.js";
import { h, milliseconds } from "./draw.js";

// What shows an exchange is placed in percent of the longest flow, so that lengths compare between
// set-ups.
function put(element, exchange, start, scale) {
  element.style.setProperty("--from", `${((exchange.start - start) / scale) * 100}%`);
  element.style.setProperty("--length", `${((exchange.end - exchange.start) / scale) * 100}%`);
}

function bar(exchange, start, scale) {
  const element = h("i", { class: `bar ${exchange.preflight ? "preflight" : place(exchange)}` });
  put(element, exchange, start, scale);
  return element;
}

// All requests of a flow in one line.
export function lane({ start, calls }, scale) {
  const exchanges = calls.flatMap((call) => visible(call.exchanges));
  return h("div", { class: "track" }, exchanges.map((exchange) => bar(exchange, start, scale)));
}

// The label stands beside its bar, where there is room.
function row(exchange, start, scale) {
  const { path, method, preflight } = exchange;
  const late = exchange.end - start > scale / 2;
  const label = h(
    "span",
    { class: `request ${late ? "before" : "after"}` },
    h("b", {}, method),
    ` ${path.split("/").at(-1)} `,
    h("span", { class: "time" }, milliseconds(exchange.end - exchange.start)),
  );
  const element = h("li", { "data-kind": preflight ? "preflight" : place(exchange) }, bar(exchange, start, scale), label);
  put(element, exchange, start, scale);
  return element;
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
