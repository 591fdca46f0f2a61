// Makes calls from the origin that this document has, for the page that it is framed by. The server's
// `frame-ancestors` lets nobody else frame it.

const now = () => performance.timeOrigin + performance.now();

async function call({ url, method, headers, body, credentials }) {
  const start = now();
  try {
    const response = await fetch(url, { method, headers, body, credentials });
    const text = await response.text();
    return { start, end: now(), readable: true, status: response.status, text: text.slice(0, 400) };
  } catch (error) {
    // All that a script learns of a refusal; why it was refused, only servers and console know.
    return { start, end: now(), readable: false, error: String(error) };
  }
}

addEventListener("message", async ({ source, data, ports }) => {
  if (source === parent) ports[0].postMessage(await call(data));
});
