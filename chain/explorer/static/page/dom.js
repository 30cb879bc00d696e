// Elements from values. Strings become text nodes and nothing else: whatever a name or a message from
// outside holds, it is never read as markup.

export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  fill(element, ...children);
  return element;
}

export function fill(element, ...children) {
  element.replaceChildren(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false)
      .map((child) => (child instanceof Node ? child : document.createTextNode(String(child)))),
  );
  return element;
}

export function byId(id) {
  return document.getElementById(id);
}

// A short text with the whole in its title, and a button that copies the whole.
export function copyable(text, label, shown = shorten(text)) {
  const button = el("button", {
    type: "button", class: "copy", title: text, "aria-label": `Copy ${label} ${text}`,
    onclick: async () => {
      try {
        await navigator.clipboard.writeText(text);
        button.dataset.done = "copied";
      } catch {
        button.dataset.done = "copy by hand";
        getSelection().selectAllChildren(button);
      }
      setTimeout(() => delete button.dataset.done, 1500);
    },
  }, shown);
  return button;
}

export function shorten(text) {
  return text.length > 16 ? `${text.slice(0, 8)}…${text.slice(-6)}` : text;
}
