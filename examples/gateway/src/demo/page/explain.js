// Why a script could not read an answer. The script itself is told "Failed to fetch" and nothing else,
// so the reason is found as the browser found it: by Fetch's CORS check, on what the servers saw and
// answered.

const SERVERS = { page: "page’s server", api: "API", bucket: "bucket", gateway: "gateway" };

// In the order of time, and without what a gateway forwarded: what the browser itself sent.
export const visible = (exchanges) => exchanges.filter((exchange) => !exchange.forwarded);

// Whose answer it is in the end, also behind a gateway.
export function place(exchange) {
  if (exchange.server !== "gateway") return exchange.server;
  return ["api", "bucket"].find((name) => exchange.path.startsWith(`/${name}/`)) ?? "page";
}

// The reason, or null if the browser had none. A gateway's answers are of the page's own origin, where
// nothing is checked.
export function reason(exchanges, credentials) {
  for (const exchange of visible(exchanges)) {
    const refused = exchange.server === "gateway" ? null : refusal(exchange, credentials);
    if (refused) return refused;
  }
  return null;
}

// Fetch #cors-check, and for a preflight #cors-preflight-fetch.
function refusal(exchange, credentials) {
  const who = SERVERS[exchange.server];
  const what = exchange.preflight ? `The ${who}’s answer to the preflight` : `The ${who}’s answer`;
  const allowed = exchange.allow_origin;
  if (exchange.preflight && (exchange.status < 200 || exchange.status > 299)) {
    return `${what} is ${exchange.status}. A preflight never carries a token, and the request is sent only after a 2xx.`;
  }
  if (allowed === null) {
    return exchange.origin === "null"
      ? `${what} has no Access-Control-Allow-Origin for null, which is the Origin after a redirect from another origin to a third one.`
      : `${what} has no Access-Control-Allow-Origin for ${exchange.origin}.`;
  }
  if (allowed === "*" && credentials === "include") {
    return `${what} allows *, which does not count when credentials are included.`;
  }
  if (allowed !== "*" && allowed !== exchange.origin) {
    return `${what} allows ${allowed}, but the request came with Origin: ${exchange.origin}.`;
  }
  if (credentials === "include" && exchange.allow_credentials !== "true") {
    return `${what} allows ${allowed}, but without Access-Control-Allow-Credentials: true.`;
  }
  return null;
}
