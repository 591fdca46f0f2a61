// What the page of the one origin does besides fetching.

// Tells of each event only when it is there; gives them all, and how often the stream was opened.
function events(count) {
  return new Promise((done, failed) => {
    const source = new EventSource('/api/events');
    const seen = [];
    let opened = 0;
    source.onopen = () => opened++;
    source.onmessage = async event => {
      seen.push(event.data);
      if (seen.length === count) {
        source.close();
        done({ seen, opened });
        return;
      }
      const told = await fetch(`/api/events?got=${event.lastEventId}`, { method: 'POST' });
      if (!told.ok) failed(new Error(told.status));
    };
  });
}

// Says some things in turn, each when the one before has come back, and ends as told.
function socket({ url, protocol, texts, bytes, end }) {
  return new Promise((done, failed) => {
    const socket = new WebSocket(url, ['other', protocol]);
    const heard = [];
    const sayings = [...texts, new Uint8Array(bytes).fill(7)];
    socket.binaryType = 'arraybuffer';
    const say = () => {
      if (sayings.length) socket.send(sayings.shift());
      else if (end.say) socket.send(end.say);
      else socket.close(end.code, end.reason);
    };
    socket.onopen = say;
    socket.onmessage = ({ data }) => {
      heard.push(typeof data === 'string' ? data : new Uint8Array(data).every(byte => byte === 7) && data.byteLength);
      say();
    };
    socket.onclose = ({ code, reason, wasClean }) =>
      done({ protocol: socket.protocol, heard, code, reason, wasClean });
  });
}

// Sends so many bytes and tells the server when it sees that some of them have left.
async function upload(size) {
  const body = new Uint8Array(size);
  for (let at = 0; at < size; at += 65536) crypto.getRandomValues(body.subarray(at, at + 65536));
  const digest = await crypto.subtle.digest('SHA-256', body);
  const sha256 = [...new Uint8Array(digest)].map(byte => byte.toString(16).padStart(2, '0')).join('');
  const progress = [];
  const request = new XMLHttpRequest();
  request.open('PUT', '/api/uploads');
  request.setRequestHeader('Authorization', 'Bearer token');
  request.upload.onprogress = ({ loaded, total, lengthComputable }) => {
    if (!progress.length) fetch('/api/uploads', { method: 'POST' });
    progress.push({ loaded, total, lengthComputable });
  };
  await new Promise((done, failed) => {
    request.onload = done;
    request.onerror = () => failed(new Error('the upload failed'));
    request.send(body);
  });
  return { status: request.status, answer: JSON.parse(request.responseText), sha256, progress };
}

// Sends one chunk after the other, each when the server has told that it got all before; then ends, or
// fails. (Aborted, Chromium may say that the stream has come to its end.)
async function stream({ chunks, already, fails }) {
  const encoder = new TextEncoder();
  let [next, bytes] = [0, already];
  const body = new ReadableStream({
    async pull(stream) {
      await fetch(`/api/streams?bytes=${bytes}`);
      if (next < chunks.length) {
        const chunk = encoder.encode(chunks[next++]);
        bytes += chunk.length;
        stream.enqueue(chunk);
      } else if (fails) stream.error(new Error('no more'));
      else stream.close();
    },
  });
  try {
    const response = await fetch('/api/streams', { method: 'POST', body, duplex: 'half' });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    return { error: error.name };
  }
}

// Resource Timing's last entry for a URL.
async function timing(url) {
  const entry = performance.getEntriesByName(new URL(url, location.href).href).pop();
  return entry && entry.toJSON();
}
