import { ago, cell, clock, element, hexOf, kind, megahertz, reading, whole } from "./format.js";

const $ = (id) => document.getElementById(id);
const MAX_FRAMES = 100;
const state = { token: "", devices: new Map(), chosen: null, frames: new Map(), stream: null };

// --- talking to the router ---------------------------------------------------------------------------

async function api(path, options = {}) {
  const headers = { Authorization: `Bearer ${state.token}` };
  if (options.body) headers["Content-Type"] = "application/json";
  const answer = await fetch(`api${path}`, { ...options, headers });
  const content = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (!answer.ok) {
    const error = new Error(content?.error?.message ?? `the router answered ${answer.status}`);
    error.status = answer.status;
    throw error;
  }
  return content;
}

const send = (path, body) => api(path, { method: "POST", body: JSON.stringify(body) });

function toast(text) {
  $("toast").textContent = text;
  $("toast").classList.add("shown");
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => $("toast").classList.remove("shown"), 3500);
}

// --- the parts of the page -----------------------------------------------------------------------------

function showStatus(status) {
  const facts = [
    [status.hotspots_connected ? `${status.hotspots_connected} hotspots connected` : "no hotspot connected", status.hotspots_connected > 0],
    [`MQTT ${status.mqtt}${status.is_mqtt_embedded ? "" : " (outside)"}`, status.is_mqtt_connected],
    [status.is_chain_reachable ? "chain reachable" : "chain not reachable", status.is_chain_reachable],
  ];
  if (status.events_waiting > 0) facts.push([`${whole(status.events_waiting)} events wait for MQTT`, status.is_mqtt_connected]);
  $("facts").replaceChildren(
    ...facts.map(([text, good]) => element("li", { class: good ? "" : "bad" }, text)),
    element("li", { class: "plain", title: status.address }, `router ${status.name}`),
  );
}

function showDevices(devices) {
  state.devices = new Map(devices.map((device) => [device.dev_eui, device]));
  $("devices").hidden = devices.length === 0;
  $("devices-empty").hidden = devices.length > 0;
  $("devices").tBodies[0].replaceChildren(...devices.map((device) => {
    const session = device.sessions.find((one) => !one.is_pending);
    const joining = device.sessions.some((one) => one.is_pending);
    const address = session ? element("span", { class: "mono" }, session.dev_addr) : joining ? "joining" : "not joined yet";
    const choose = () => chooseDevice(device.dev_eui);
    return element("tr", { onclick: choose, class: device.dev_eui === state.chosen ? "chosen" : "" },
      cell(element("button", { type: "button" }, device.name)),
      cell(element("span", { class: "mono" }, device.dev_eui)),
      cell(address),
      cell(session ? whole(session.f_cnt_up) : "–", "number"),
      cell(ago(device.last_heard_at)),
      cell(reading(device.last_reading) ?? (device.last_heard_at && !device.codec ? "no codec set" : "–"), "wrap"),
      cell(device.downlinks_waiting || "–", "number"));
  }));
}

async function chooseDevice(devEui) {
  state.chosen = devEui;
  $("device-card").hidden = false;
  await refreshDevice();
  showDevices([...state.devices.values()]);
  $("device-card").scrollIntoView({ behavior: "smooth", block: "nearest" });
}

function closeDevice() {
  state.chosen = null;
  $("device-card").hidden = true;
  showDevices([...state.devices.values()]);
}

async function refreshDevice() {
  const devEui = state.chosen;
  if (!devEui) return;
  const [device, queue, events] = await Promise.all(
    [api(`/devices/${devEui}`), api(`/devices/${devEui}/queue`), api(`/devices/${devEui}/events?limit=15`)]);
  if (state.chosen !== devEui) return;
  showDevice(device);
  $("queue").replaceChildren(...(queue.length ? queue.map(showItem) : [element("li", { class: "empty" }, "Nothing waits.")]));
  const listed = events.events.reverse().map(showEvent);
  $("events").replaceChildren(...(listed.length ? listed : [element("li", { class: "empty" },
    device.activation === "otaa" ? "None yet. Switch the device on: its join comes first." : "None yet.")]));
}

function showDevice(device) {
  $("device-name").textContent = device.name;
  const session = device.sessions[0];
  const facts = [
    ["DevEUI", device.dev_eui], ["Activation", device.activation.toUpperCase()],
    ["DevAddr", session?.dev_addr ?? "–"],
    ["Counters up / down", session ? `${whole(session.f_cnt_up)} / ${whole(session.f_cnt_down)}` : "–"],
    ["Last heard", device.last_heard_at ? clock(device.last_heard_at) : "not yet"],
    ["Codec", device.codec || "none"], ["Application", device.application],
  ];
  $("device-facts").replaceChildren(
    ...facts.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))),
    element("div", { class: "wide" }, element("dt", {}, "MQTT topics"),
      element("dd", { class: "mono" }, device.topics.events), element("dd", { class: "mono" }, device.topics.down)));
}

const showItem = (item) => element("li", {},
  element("span", { class: "tag copy" }, kind(item.state)), ` port ${item.f_port}: `,
  element("span", { class: "mono" }, hexOf(item.data) || "(empty)"), item.confirmed ? ", to be acknowledged" : "",
  item.attempts > 1 ? `, attempt ${item.attempts}` : "");

function showEvent(event) {
  const body = event.body;
  const texts = {
    up: () => `FCnt ${body.fCnt}, port ${body.fPort}, by ${body.rxInfo.length} gateway${body.rxInfo.length > 1 ? "s" : ""}`,
    join: () => `joined as ${body.devAddr}`,
    txack: () => `downlink ${body.fCntDown} is on the air`,
    ack: () => (body.acknowledged ? `downlink ${body.fCntDown} acknowledged` : `downlink ${body.fCntDown} not acknowledged`),
    log: () => `${body.code}: ${body.description}`,
  };
  return element("li", {}, element("details", {},
    element("summary", {}, `${clock(event.created_at)} `, element("b", {}, event.kind), ` ${(texts[event.kind] ?? (() => ""))()}`,
      event.published_at ? "" : element("span", { class: "hint" }, " (waits for the broker)")),
    element("pre", {}, JSON.stringify(body, null, 2))));
}

function addFrames(frames, fresh) {
  for (const frame of frames) state.frames.set(frame.frame_id, { ...frame, fresh });
  const newest = [...state.frames.keys()].sort((a, b) => b - a).slice(0, MAX_FRAMES);
  state.frames = new Map(newest.map((id) => [id, state.frames.get(id)]));
  $("frames-empty").hidden = newest.length > 0;
  $("frames").hidden = newest.length === 0;
  $("frames").tBodies[0].replaceChildren(...newest.map((id) => frameRow(state.frames.get(id))));
  for (const frame of state.frames.values()) frame.fresh = false;
}

function frameRow(frame) {
  const from = frame.dev_addr ?? frame.dev_eui;
  const owned = frame.device && state.devices.get(frame.device);
  const best = frame.receptions.reduce((one, other) => (other.snr_db > one.snr_db ? other : one));
  const others = frame.receptions.length > 1 ? ` and ${frame.receptions.length - 1} more` : "";
  const heard = frame.receptions.map((r) => `${r.hotspot_name} (${r.gateway_id}) ${r.rssi_dbm} dBm, SNR ${r.snr_db} dB`).join("\n");
  return element("tr", { class: frame.fresh ? "fresh" : "", "data-frame": frame.frame_id },
    cell(clock(frame.heard_at)), cell(kind(frame.kind)),
    cell(owned ? owned.name : from ? element("span", { class: "mono" }, from) : "–"),
    cell(frame.f_cnt ?? "–", "number"), cell(frame.f_port ?? "–", "number"),
    cell(`${megahertz(frame.frequency_hz)} ${frame.data_rate}`),
    cell(element("span", { title: heard }, `${best.hotspot_name}${others}, ${best.rssi_dbm} dBm, ${best.snr_db} dB`)),
    cell(element("span", { class: `tag ${frame.class}` }, frame.class)),
    cell(frame.outcome, "wrap"));
}

function showGateways(gateways) {
  $("gateways-empty").hidden = gateways.length > 0;
  $("gateways").hidden = gateways.length === 0;
  $("gateways").tBodies[0].replaceChildren(...gateways.map((gateway) => element("tr", {},
    cell(element("span", { title: gateway.hotspot }, gateway.hotspot_name)),
    cell(element("span", { class: "mono" }, gateway.gateway_id, gateway.is_own_board ? "" : " (concentrator)")),
    cell(whole(gateway.packets), "number"),
    cell(`${gateway.last_rssi_dbm} dBm, ${gateway.last_snr_db} dB`),
    cell(gateway.is_connected ? ago(gateway.last_heard_at) : `${ago(gateway.last_heard_at)}, disconnected`))));
}

function showCredits(credits) {
  const open = credits.channels.filter((channel) => channel.is_open);
  const amount = open.reduce((sum, channel) => sum + channel.data_credits, 0);
  const promised = open.reduce((sum, channel) => sum + channel.promised, 0);
  const parts = [];
  if (amount) {
    parts.push(element("p", {}, element("b", {}, whole(amount - promised)), ` of ${whole(amount)} data credits left in the open channel`),
      element("div", { class: "bar" }, element("div", { style: `width:${(100 * (amount - promised)) / amount}%` })),
      element("p", { class: "hint" }, "A new channel is opened by itself before this one is used up."));
  } else {
    parts.push(element("p", { class: "empty" }, element("b", {}, "No open channel yet. "),
      "The router burns tokens into data credits and opens one by itself; its next step: ", kind(credits.account.step), "."));
  }
  if (credits.owed) parts.push(element("p", { class: "error" }, `${whole(credits.owed)} data credits are owed until a channel is open.`));
  $("credits").replaceChildren(...parts);
  $("vouchers-empty").hidden = credits.vouchers.length > 0;
  $("vouchers").hidden = credits.vouchers.length === 0;
  $("vouchers").tBodies[0].replaceChildren(...credits.vouchers.map((voucher) => element("tr", {},
    cell(element("span", { title: voucher.hotspot }, voucher.hotspot_name)),
    cell(whole(voucher.total_packets), "number"), cell(whole(voucher.total_data_credits), "number"))));
}

// --- keeping it up to date -----------------------------------------------------------------------------

async function refresh() {
  const [status, devices, gateways, credits] = await Promise.all(
    ["/status", "/devices", "/gateways", "/data-credits"].map((path) => api(path)));
  showStatus(status);
  showDevices(devices);
  showGateways(gateways);
  showCredits(credits);
  await refreshDevice();
}

let refreshing = null;
function refreshSoon() {
  refreshing ??= setTimeout(() => {
    refreshing = null;
    refresh().catch(() => {});
  }, 400);
}

async function follow() {
  while (state.token) {
    try {
      const { frames } = await api(`/frames?limit=${MAX_FRAMES}`);
      addFrames(frames, false);
      await refresh();
      await readLive();
    } catch (error) {
      if (error.status === 401) return lock("This token is not the router's.");
    }
    $("live-state").textContent = "router not reachable, trying again";
    await new Promise((done) => setTimeout(done, 2000));
  }
}

// EventSource cannot send a token, so the stream is read by hand.
async function readLive() {
  const answer = await fetch("api/live", { headers: { Authorization: `Bearer ${state.token}` } });
  if (!answer.ok) throw new Error("no live feed");
  $("live-state").textContent = "live";
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    buffer = (buffer + value).replaceAll("\r\n", "\n");
    let end;
    while ((end = buffer.indexOf("\n\n")) >= 0) {
      takeLive(buffer.slice(0, end));
      buffer = buffer.slice(end + 2);
    }
  }
}

function takeLive(block) {
  const data = block.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5)).join("\n");
  if (!data.trim()) return;
  const entry = JSON.parse(data);
  if (entry.frame) addFrames([entry.frame], true);
  if (entry.kind) refreshSoon();
}

// --- what people do --------------------------------------------------------------------------------------

function lock(text) {
  state.token = "";
  sessionStorage.removeItem("token");
  $("open").hidden = true;
  $("locked").hidden = false;
  $("token-error").textContent = text;
}

function unlock(token) {
  state.token = token;
  sessionStorage.setItem("token", token);
  $("locked").hidden = true;
  $("open").hidden = false;
  follow();
}

async function submit(form, action) {
  const error = form.querySelector(".error");
  error.textContent = "";
  try {
    await action(new FormData(form));
  } catch (problem) {
    error.textContent = problem.message;
  }
}

$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  unlock(new FormData(event.target).get("token").trim());
});

function showActivation() {
  const isAbp = $("add-form").elements.activation.value === "abp";
  for (const label of $("add-form").querySelectorAll(".abp")) label.hidden = !isAbp;
  for (const label of $("add-form").querySelectorAll(".otaa")) label.hidden = isAbp;
}

$("show-add").addEventListener("click", () => {
  $("add-form").hidden = false;
  $("add-form").elements.name.focus();
});
$("hide-add").addEventListener("click", () => { $("add-form").hidden = true; });
$("add-form").addEventListener("change", showActivation);
$("add-form").addEventListener("submit", (event) => {
  event.preventDefault();
  submit(event.target, async (data) => {
    const isAbp = data.get("activation") === "abp";
    const names = ["name", "dev_eui", "codec", "application", ...(isAbp ? ["dev_addr", "nwk_s_key", "app_s_key"] : ["join_eui", "app_key"])];
    const device = await send("/devices", Object.fromEntries(names.map((name) => [name, data.get(name)])));
    event.target.reset();
    event.target.hidden = true;
    showActivation();
    toast(`${device.name} added`);
    await refresh();
    await chooseDevice(device.dev_eui);
  });
});

$("down-form").addEventListener("submit", (event) => {
  event.preventDefault();
  submit(event.target, async (data) => {
    const body = { f_port: Number(data.get("f_port")), hex: data.get("hex"), confirmed: data.get("confirmed") === "on" };
    await send(`/devices/${state.chosen}/queue`, body);
    event.target.elements.hex.value = "";
    toast("Queued: it goes out after the next uplink");
    await refresh();
  });
});

$("close-device").addEventListener("click", closeDevice);
$("remove-device").addEventListener("click", async () => {
  const device = state.devices.get(state.chosen);
  if (!device || !confirm(`Remove ${device.name} with its keys and waiting downlinks?`)) return;
  try {
    await api(`/devices/${device.dev_eui}`, { method: "DELETE" });
    toast(`${device.name} removed`);
    closeDevice();
    await refresh();
  } catch (error) {
    toast(error.message);
  }
});

setInterval(refreshSoon, 10000);

// The token comes in the fragment, which no browser sends anywhere, and leaves the address bar at once.
const fragment = new URLSearchParams(location.hash.slice(1));
const given = fragment.get("token") ?? sessionStorage.getItem("token");
if (fragment.has("token")) history.replaceState(null, "", location.pathname);
if (given) unlock(given);
else lock("");
