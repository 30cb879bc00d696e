// Values as people read them. Everything that reaches the page goes through `element`, as text: nothing is parsed as HTML.

export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child != null).map((child) => (child instanceof Node ? child : String(child))));
  return node;
}

export const cell = (content, className = "") => element("td", { class: className }, content ?? "–");

export function ago(time) {
  if (!time) return "not yet";
  const seconds = Math.round((Date.now() - new Date(time)) / 1000);
  if (seconds < 2) return "just now";
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h ago`;
  return new Date(time).toLocaleDateString();
}

export function clock(time) {
  const date = new Date(time);
  const today = new Date().toDateString() === date.toDateString();
  return today ? date.toLocaleTimeString() : date.toLocaleString();
}

export const megahertz = (hertz) => `${(hertz / 1e6).toFixed(3).replace(/0{1,2}$/, "")} MHz`;
export const whole = (number) => Number(number).toLocaleString("en");
export const kind = (name) => name.replaceAll("_", " ");

const UNITS = {
  temperatureSensor: ["temperature", "°C"], humiditySensor: ["humidity", "%"], analogInput: ["analog", ""],
  analogOutput: ["analog out", ""], barometer: ["pressure", "hPa"], illuminanceSensor: ["light", "lx"], voltage: ["voltage", "V"],
  percentage: ["level", "%"], digitalInput: ["input", ""], digitalOutput: ["output", ""], altitude: ["altitude", "m"],
  presenceSensor: ["presence", ""], genericSensor: ["value", ""], current: ["current", "A"],
};

// A decoded Cayenne LPP object as name-value pairs; another codec's object as it is.
export function reading(object) {
  if (!object) return null;
  const parts = [];
  for (const [type, channels] of Object.entries(object)) {
    if (channels === null || typeof channels !== "object") { parts.push([type, String(channels)]); continue; }
    for (const [channel, value] of Object.entries(channels)) {
      if (type === "gpsLocation") {
        parts.push(["position", `${value.latitude.toFixed(5)}, ${value.longitude.toFixed(5)}`]);
        continue;
      }
      const [name, unit] = UNITS[type] ?? [type, ""];
      const many = Object.keys(channels).length > 1 ? ` ${channel}` : "";
      const shown = value !== null && typeof value === "object" ? JSON.stringify(value) : value;
      parts.push([name + many, `${shown}${unit ? " " + unit : ""}`]);
    }
  }
  return element("div", { class: "values" }, ...parts.map(([name, value]) => element("span", {}, `${name} `, element("b", {}, value))));
}

export function hexOf(base64) {
  return [...atob(base64)].map((letter) => letter.charCodeAt(0).toString(16).padStart(2, "0")).join(" ");
}
