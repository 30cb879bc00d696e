// Numbers and times for people.

const WHOLE = new Intl.NumberFormat("en");
const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 });
const HXT_UNITS = 1e8;

export const count = (value) => WHOLE.format(value);
export const plural = (value, word) => `${count(value)} ${word}${value === 1 ? "" : "s"}`;

export function hxt(units, digits = 4) {
  const value = units / HXT_UNITS;
  if (units > 0 && value < 10 ** -digits) return `< ${10 ** -digits} HXT`;
  return `${value.toLocaleString("en", { maximumFractionDigits: digits })} HXT`;
}

export const amount = (units) => (units / HXT_UNITS).toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
export const compactHxt = (units) => `${COMPACT.format(units / HXT_UNITS)} HXT`;
export const exactHxt = (units) => `${(units / HXT_UNITS).toLocaleString("en", { maximumFractionDigits: 8 })} HXT`;
export const decibels = (tenths, unit) => `${(tenths / 10).toFixed(1).replace("-", "−")} ${unit}`;
export const distance = (metres) => (metres < 1000 ? `${metres} m` : `${(metres / 1000).toFixed(1)} km`);

export function clock(timeMs) {
  return new Date(timeMs).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

export function day(text) {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? String(text) : date.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
}

export function ago(timeMs, nowMs = Date.now()) {
  if (!timeMs) return "never";
  const seconds = Math.max(0, Math.round((nowMs - timeMs) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

export function left(milliseconds) {
  if (milliseconds <= 0) return "closing";
  const seconds = Math.ceil(milliseconds / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")} left`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min left`;
}
