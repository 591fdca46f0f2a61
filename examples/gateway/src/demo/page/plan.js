// What is compared: the set-ups, the calls that are made in each, and the CORS settings that the
// servers of a set-up need.

export const SETUPS = {
  three: {
    title: "Three domains",
    motto: "Page, API and bucket each have an origin of their own.",
  },
  two: {
    title: "Two domains",
    motto: "Page and API share an origin. The bucket has its own.",
  },
  one: {
    title: "One domain",
    motto: "A gateway puts all three under one origin.",
  },
};

// How a call says whom it is from: what fetch() calls `credentials`.
export const MODES = {
  omit: { title: "token in a header", code: "credentials: 'omit'" },
  include: { title: "session cookie", code: "credentials: 'include'" },
};

export const API_POLICIES = {
  none: "no CORS",
  any: "*",
  page: "page + credentials",
};

export const BUCKET_POLICIES = {
  none: "no CORS",
  any: "*",
  null: "null",
  "null-credentials": "null + credentials",
  page: "page + credentials",
};

// The settings with which everything can be read, of those that give away least.
const NEEDED = {
  three: { omit: ["any", "any"], include: ["page", "null-credentials"] },
  two: { omit: ["none", "any"], include: ["none", "page"] },
  one: { omit: ["none", "none"], include: ["none", "none"] },
};

export const needed = (setup, mode) => {
  const [api, bucket] = NEEDED[setup][mode];
  return { api, bucket };
};

// Where a page of this set-up finds the API.
export const apiBase = (origins, setup) =>
  setup === "three" ? origins.api + origins.stage : origins[setup] + "/api";

const tagged = (base, path, { run, rtt }, tag) =>
  `${base}/${path}${path.includes("?") ? "&" : "?"}run=${run}&call=${tag}&rtt=${rtt}`;

// Everyday calls of a page that is signed in, one after the other.
export function flow(context, setup, mode) {
  const { origins, session } = context;
  const policy = needed(setup, mode);
  const base = `${apiBase(origins, setup)}/${policy.api}`;
  const bearer = mode === "omit" ? { authorization: `Bearer ${session.token}` } : {};
  const json = { "content-type": "application/json", ...bearer };
  const make = (tag, name, method, path, headers, body) => ({
    tag: `${setup}-${mode}-${tag}`,
    name,
    url: tagged(base, path, context, `${setup}-${mode}-${tag}`),
    method,
    headers,
    body,
    credentials: mode,
  });
  const work = [`work`, JSON.stringify({ job: "report" })];
  return [
    make("items", "List the items", "GET", "items", bearer),
    make("work", "Start a job", "POST", work[0], json, work[1]),
    make("work", "Start it again", "POST", work[0], json, work[1]),
    make("file", "Download a file", "GET", `private/${policy.bucket}/report`, bearer),
  ];
}

// The download under every pair of settings. Whether it can be read does not depend on the delay.
export function matrix(context, setup, mode) {
  const cells = [];
  for (const api of Object.keys(API_POLICIES)) {
    for (const bucket of Object.keys(BUCKET_POLICIES)) {
      const tag = `${setup}-${mode}-${api}-${bucket}`;
      const base = `${apiBase(context.origins, setup)}/${api}`;
      const url = tagged(base, `files/${bucket}/report`, { ...context, rtt: 0 }, tag);
      cells.push({ tag, api, bucket, url, method: "GET", credentials: mode });
    }
  }
  return cells;
}

// The same call to the API's own origin and through the gateway; both from the page that the gateway
// serves.
export function kinds(context, sign) {
  const { origins, session } = context;
  const bearer = { authorization: `Bearer ${session.token}` };
  const list = [
    { kind: "public", name: "Public", path: "public", headers: () => ({}) },
    { kind: "authorization", name: "Authorization", path: "items", headers: () => bearer },
    { kind: "signed", name: "Signed request", path: "signed", headers: sign },
  ];
  return list.flatMap(({ kind, name, path, headers }) =>
    ["three", "one"].map((setup) => {
      const policy = setup === "three" ? "any" : "none";
      const tag = `kind-${kind}-${setup}`;
      const url = tagged(`${apiBase(origins, setup)}/${policy}`, path, context, tag);
      // What the API sees, and what is signed: its own host, its own path.
      const seen = tagged(`${origins.api}${origins.stage}/${policy}`, path, context, tag);
      return { tag, kind, name, setup, url, method: "GET", credentials: "omit", headers: () => headers(seen) };
    }),
  );
}

// Good and expired tokens, over origins; the last API asks for the token in front of CORS.
export function tokens(context) {
  const { origins, session } = context;
  const list = [
    { tag: "jwt-good", name: "Good token", policy: "any", token: session.token },
    { tag: "jwt-expired", name: "Expired token", policy: "any", token: session.expired },
    { tag: "jwt-first", name: "Good token, but asked for in front of CORS", policy: "token-first", token: session.token },
  ];
  return list.map(({ tag, name, policy, token }) => ({
    tag,
    name,
    url: tagged(`${origins.api}${origins.stage}/${policy}`, "items", context, tag),
    method: "GET",
    headers: { authorization: `Bearer ${token}` },
    credentials: "omit",
  }));
}
