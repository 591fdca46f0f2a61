// The page that scenarios run in. `run` takes steps as JSON and gives back what script saw.
async function run(steps, kind) {
  if (kind) return inFrame(steps, kind);
  const results = [];
  for (const step of steps) results.push(await perform(step));
  return results;
}

async function perform(step) {
  try {
    switch (step.kind) {
      case 'wait': await new Promise(done => setTimeout(done, step.seconds * 1000)); return null;
      case 'image': return await image(step);
      case 'loaded-script': case 'loaded-style': return await loaded(step);
      case 'timing': return await timing(step);
      case 'xhr': return await xhr(step);
      case 'script': case 'font': case 'beacon': case 'socket': case 'frame': case 'frame-form': case 'window': case 'window-form':
        await Promise.race([blind(step), new Promise(done => setTimeout(done, 3000))]); return null;
      default: return await describe(await fetch(step.url, options(step)), step);
    }
  } catch (error) {
    return { error: String(error) };
  }
}

function options(step) {
  const { method, headers, credentials, mode, redirect } = step;
  const init = { method, headers, credentials, mode, redirect };
  if (step.body !== null) init.body = step.body;
  if (step.referrerPolicy) init.referrerPolicy = step.referrerPolicy;
  return init;
}

async function describe(response) {
  const { status, type, redirected, url } = response;
  return { status, type, redirected, url, headers: [...response.headers], text: await response.text() };
}

function image(step) {
  return new Promise((done, failed) => {
    const element = new Image();
    element.onload = () => done({ status: 0, type: 'opaque', redirected: false, url: '', headers: [], text: '' });
    element.onerror = () => failed(new TypeError('Failed to fetch'));
    element.src = step.url;
  });
}

// A script or a style sheet: the page learns whether it came.
function loaded(step) {
  return new Promise((done, failed) => {
    const element = document.createElement(step.kind === 'loaded-script' ? 'script' : 'link');
    element.onload = () => done({ status: 0, type: 'opaque', redirected: false, url: '', headers: [], text: '' });
    element.onerror = () => failed(new TypeError('Failed to fetch'));
    if (step.kind === 'loaded-script') element.src = step.url;
    else Object.assign(element, { rel: 'stylesheet', href: step.url });
    document.body.append(element);
  });
}

// Whether the page may know how long a request took (Resource Timing).
async function timing(step) {
  await fetch(step.url, options(step));
  const url = String(new URL(step.url, location));
  for (let tries = 0; tries < 50; tries++) {
    const [entry] = performance.getEntriesByName(url);
    if (entry) return { status: 0, type: entry.requestStart > 0 ? 'timed' : 'untimed', headers: [], text: '' };
    await new Promise(done => setTimeout(done, 20));
  }
  return { status: 0, type: 'unlisted', headers: [], text: '' };
}

function xhr(step) {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open(step.method, step.url);
    request.withCredentials = step.credentials === 'include';
    for (const [name, value] of step.headers) request.setRequestHeader(name, value);
    request.upload.addEventListener('progress', () => {});
    request.onload = () => done({
      status: request.status, type: 'cors', redirected: false, url: request.responseURL,
      headers: request.getAllResponseHeaders().trim().split('\r\n').filter(Boolean).map(line => line.split(': ')),
      text: request.responseText,
    });
    request.onerror = () => failed(new TypeError('Failed to fetch'));
    request.send(step.body);
  });
}

// What a page sends without seeing what comes back.
function blind(step) {
  const { kind, url, method, body, target = '_self' } = step;
  const policy = step.referrerPolicy ?? '';
  const make = (tag, attributes) => Object.assign(document.createElement(tag), attributes);
  const loaded = element => new Promise(done => {
    element.onload = element.onerror = () => { element.remove(); done(); };
    document.body.append(element);
  });
  const form = target => {
    const element = make('form', { method, action: url, enctype: step.encoding, target });
    element.append(make('input', { name: 'a', value: '1' }));
    document.body.append(element);
    return element;
  };
  const later = action => { setTimeout(action, 50); };
  switch (kind) {
    case 'script': return loaded(make('script', { src: url, referrerPolicy: policy }));
    case 'font': return new FontFace('x', `url(${url})`).load().catch(() => {});
    case 'beacon': navigator.sendBeacon(url, body ?? 'text'); return new Promise(done => setTimeout(done, 300));
    case 'socket': return new Promise(done => {
      const socket = new WebSocket(url.replace('http', 'ws'));
      socket.onopen = socket.onclose = done;
    });
    case 'frame': return loaded(make('iframe', { src: url, referrerPolicy: policy }));
    case 'frame-form': {
      const frame = make('iframe', { name: 'to' + Math.random() });
      document.body.append(frame);
      const sent = new Promise(done => { frame.onload = done; });
      form(frame.name).submit();
      return sent;
    }
    case 'window': return later(() => { document.body.append(make('a', { href: url, referrerPolicy: policy, id: 'link', target })); document.getElementById('link').click(); });
    case 'window-form': return later(() => form(target).submit());
  }
}

// `kind` is `sandbox`, `sandbox-allowing` or `data`: the steps run in a frame of opaque origin, one for the whole page.
let frame = null;

async function inFrame(steps, kind) {
  frame ??= await open(kind);
  frame.contentWindow.postMessage(steps, '*');
  return heard();
}

function open(kind) {
  const source = [run, perform, options, describe, image, loaded, timing, xhr, blind].map(String).join('\n');
  const html = `<script>${source}
    onmessage = async event => parent.postMessage(await run(event.data), '*');
    parent.postMessage('ready', '*');<\/script>`;
  const element = document.createElement('iframe');
  if (kind.startsWith('sandbox')) {
    element.sandbox = 'allow-scripts' + (kind === 'sandbox' ? '' : ' allow-forms allow-top-navigation');
    element.srcdoc = html;
  } else {
    element.src = 'data:text/html,' + encodeURIComponent(html);
  }
  const ready = heard().then(() => element);
  document.body.append(element);
  return ready;
}

function heard() {
  return new Promise(done => addEventListener('message', event => done(event.data), { once: true }));
}
