// Elements and numbers, as all parts of the page draw them.

// An element with attributes (`data-…`, `class`, …; `on…` is a listener) and children.
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== undefined && value !== null) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

// With a space at which no line breaks.
export const milliseconds = (time) => `${time < 10 ? time.toFixed(1) : Math.round(time)}\u00a0ms`;

export const count = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;

// Addresses without what they all share.
export const short = (origin) => origin.replace("http://127.0.0.1", "");

// A table whose cells carry their column's name, so that a narrow screen can stack them.
export function table(caption, columns, rows) {
  return h(
    "table",
    {},
    h("caption", { class: "visually-hidden" }, caption),
    h("thead", {}, h("tr", {}, columns.map((column) => h("th", { scope: "col" }, column)))),
    h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell, at) => h("td", { "data-column": columns[at] }, cell))))),
  );
}
