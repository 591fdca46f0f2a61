// AWS Signature Version 4 for a GET without a body, by the browser's own cryptography.

const encoder = new TextEncoder();
const hex = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
const sha256 = async (text) => hex(await crypto.subtle.digest("SHA-256", encoder.encode(text)));

async function hmac(key, text) {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
  return crypto.subtle.sign("HMAC", imported, encoder.encode(text));
}

// The header fields that sign a request as the API will see it: method, path, query and host.
export async function sign({ credentials, scope }, url) {
  const { host, pathname, search } = new URL(url);
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const day = date.slice(0, 8);
  const query = search.slice(1).split("&").sort().join("&");
  const canonical = [
    "GET", pathname, query, `host:${host}`, `x-amz-date:${date}`, "", "host;x-amz-date", await sha256(""),
  ].join("\n");
  const fullScope = `${day}/${scope}/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", date, fullScope, await sha256(canonical)].join("\n");
  let key = encoder.encode(`AWS4${credentials.secret_key}`);
  for (const part of fullScope.split("/")) key = await hmac(key, part);
  const signature = hex(await hmac(key, text));
  return {
    "x-amz-date": date,
    authorization:
      `AWS4-HMAC-SHA256 Credential=${credentials.access_key}/${fullScope}, ` +
      `SignedHeaders=host;x-amz-date, Signature=${signature}`,
  };
}
