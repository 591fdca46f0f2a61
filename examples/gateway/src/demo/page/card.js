// The card of a set-up: where its origins are, what its calls took, what the servers saw, and what the
// script could read.

import { API_POLICIES, BUCKET_POLICIES, MODES, SETUPS, needed } from "./plan.js";
import { h, milliseconds, short } from "./draw.js";
import { waterfall } from "./waterfall.js";

// An empty card; a panel for each way to sign in is filled when its run is done.
export function card(setup, origins) {
  const { title, motto } = SETUPS[setup];
  return h(
    "article",
    { class: "card", id: `setup-${setup}`, "data-setup": setup, "aria-labelledby": `title-${setup}` },
    h("h3", { id: `title-${setup}` }, title),
    h("p", { class: "motto" }, motto),
    map(setup, origins),
    Object.keys(MODES).map((mode) =>
      h("section", { class: "panel", id: `setup-${setup}-${mode}`, "data-credentials": mode, "data-state": "idle" }),
    ),
  );
}

const NAMES = { page: "page", api: "API", bucket: "bucket" };

// Frames are origins.
function map(setup, origins) {
  const places = [];
  const frame = (origin, ...names) => {
    places.push(`${names.map((name) => NAMES[name]).join(", ")} at ${origin}`);
    return h(
      "div",
      { class: "origin" },
      h("code", {}, names.length > 1 ? `${short(origin)} gateway` : short(origin)),
      names.map((name) => h("span", { class: name }, NAMES[name])),
    );
  };
  const frames = {
    three: () => [frame(origins.three, "page"), frame(origins.api, "api"), frame(origins.bucket, "bucket")],
    two: () => [frame(origins.two, "page", "api"), frame(origins.bucket, "bucket")],
    one: () => [frame(origins.one, "page", "api", "bucket")],
  };
  const shown = frames[setup]();
  return h("div", { class: "map", role: "img", "aria-label": places.join("; ") }, shown);
}

export function fill(panel, flow, cells, scale) {
  const { setup, mode } = flow;
  panel.replaceChildren(
    figures(flow),
    h("h4", {}, "Requests over time"),
    waterfall(flow, scale),
    h("h4", {}, "What the script could read"),
    readable(flow.calls),
    seen(flow),
    h("h4", {}, "With other CORS settings"),
    ...matrix(setup, mode, cells),
  );
  Object.assign(panel.dataset, {
    ms: flow.ms.toFixed(1),
    requests: flow.requests,
    preflights: flow.preflights,
    readable: flow.calls.filter((call) => call.readable).length,
    combinations: cells.filter((cell) => cell.readable).length,
  });
}

function figures({ ms, requests, preflights }) {
  const figure = (value, name, kind = "") => h("div", { class: kind }, h("dt", {}, name), h("dd", {}, value));
  return h(
    "dl",
    { class: "figures" },
    figure(milliseconds(ms), "four calls"),
    figure(requests, "requests"),
    figure(preflights, preflights === 1 ? "preflight" : "preflights", preflights ? "bad" : "good"),
  );
}

function readable(calls) {
  return h(
    "ul",
    { class: "readable" },
    calls.map((call) =>
      h(
        "li",
        { "data-readable": String(call.readable) },
        h("b", {}, call.name),
        " ",
        call.readable ? h("span", {}, `${call.status} `, h("code", {}, call.text)) : call.reason ?? call.error,
      ),
    ),
  );
}

// What each server saw, request by request, also behind a gateway.
function seen({ calls }) {
  const exchanges = calls.flatMap((call) => call.exchanges).filter((exchange) => exchange.server !== "gateway");
  const origins = (server) => {
    const actual = exchanges.filter((exchange) => exchange.server === server && !exchange.preflight);
    return [...new Set(actual.map((exchange) => exchange.origin ?? "none"))];
  };
  const codes = (values) => values.flatMap((value, at) => [at ? " or " : "", h("code", {}, value)]);
  return h(
    "details",
    {},
    h("summary", {}, "Origin at the API: ", codes(origins("api")), "; at the bucket: ", codes(origins("bucket"))),
    h("ol", { class: "seen" }, exchanges.map(note)),
  );
}

function note(exchange) {
  const { server, forwarded, method, path, origin, preflight, cookie, authorization, status } = exchange;
  const allowed = exchange.allow_credentials ? `${exchange.allow_origin} with credentials` : exchange.allow_origin;
  const fact = (name, value) => [h("dt", {}, name), h("dd", {}, h("code", {}, value))];
  return h(
    "li",
    { "data-server": server, "data-preflight": String(preflight !== null) },
    h("b", { class: server }, `${forwarded ? "gateway → " : ""}${NAMES[server]}`),
    h("code", {}, `${method} ${path}`),
    h(
      "dl",
      {},
      fact("Origin", origin ?? "none"),
      preflight ? fact("asks for", [preflight.method, preflight.headers].filter(Boolean).join(", ")) : [],
      cookie || authorization ? fact("sent", [cookie && "Cookie", authorization && "Authorization"].filter(Boolean).join(", ")) : [],
      fact("answered", String(status)),
      allowed ? fact("allowed", allowed) : [],
    ),
  );
}

// Which settings let the script read the download; why not is told for the cell that is chosen.
function matrix(setup, mode, cells) {
  const works = cells.filter((cell) => cell.readable).length;
  const right = needed(setup, mode);
  const why = h("p", { class: "why", "aria-live": "polite" });
  const tell = (cell) => {
    const names = [h("b", {}, `API ${API_POLICIES[cell.api]}, bucket ${BUCKET_POLICIES[cell.bucket]}: `)];
    why.replaceChildren(...names, cell.readable ? "the file is read." : cell.reason ?? cell.error);
    why.dataset.result = cell.result;
  };
  const button = (cell) =>
    h(
      "button",
      {
        type: "button",
        class: "cell",
        "data-api": cell.api,
        "data-bucket": cell.bucket,
        "data-result": cell.result,
        "data-needed": String(cell.api === right.api && cell.bucket === right.bucket),
        "aria-label": `API ${API_POLICIES[cell.api]}, bucket ${BUCKET_POLICIES[cell.bucket]}: ${cell.result}`,
        onclick: () => tell(cell),
      },
      cell.readable ? "✓" : "✗",
    );
  const columns = Object.entries(API_POLICIES);
  const rows = Object.entries(BUCKET_POLICIES);
  const grid = h(
    "table",
    { class: "matrix" },
    h("caption", {}, h("b", {}, `${works} of ${cells.length}`), " combinations let the script read the file. Framed: the one above."),
    h("thead", {}, h("tr", {}, h("td", {}, "Bucket ↓ API →"), columns.map(([, name]) => h("th", { scope: "col" }, name)))),
    h(
      "tbody",
      {},
      rows.map(([bucket, name]) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, name),
          columns.map(([api]) => h("td", {}, button(cells.find((cell) => cell.api === api && cell.bucket === bucket)))),
        ),
      ),
    ),
  );
  const first = cells.find((cell) => !cell.readable && cell.api === right.api) ?? cells.find((cell) => cell.api === right.api);
  tell(first);
  return [grid, why];
}
