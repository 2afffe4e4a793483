// Scanning by night: whatever is scanned is first written into the phone (IndexedDB), then sent in order. Nothing is dropped
// until the service has answered, and a refusal stays until somebody has seen it.
"use strict";

const { kinds, conflicts } = JSON.parse(document.getElementById("scan-config").textContent);
const words = document.getElementById("scan-words").dataset;
const language = document.documentElement.lang.startsWith("zh") ? "zh" : "en";
const channel = new BroadcastChannel("beijian-scan");

const SCANNED = "[data-scan] input";
const SENT_STAYS = 12 * 3600 * 1000; // done acts are shown for a shift
const AGAIN = 5000; // ms between attempts while something waits

// ---- the queue ----

const opened = new Promise((resolve, reject) => {
  const request = indexedDB.open("beijian-scan", 1);
  request.onupgradeneeded = () => request.result.createObjectStore("act", { keyPath: "sequence", autoIncrement: true });
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

async function queue(mode, act) {
  const store = (await opened).transaction("act", mode, { durability: "strict" }).objectStore("act");
  const request = act(store);
  return new Promise((resolve, reject) => {
    store.transaction.oncomplete = () => resolve(request.result);
    store.transaction.onerror = store.transaction.onabort = () => reject(store.transaction.error);
  });
}

const acts = () => queue("readonly", (store) => store.getAll());
const write = (act) => queue("readwrite", (store) => store.put(act));
const forget = (sequence) => queue("readwrite", (store) => store.delete(sequence));

const newId = () => crypto.randomUUID?.() ?? [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// ---- who is signed in: asked when there is a network, the name and the stores remembered for when there is none ----

const remembered = JSON.parse(localStorage.getItem("beijian-scan-known") ?? "{}");
let known = { name: remembered.name ?? null, stores: remembered.stores ?? [] };
let standing = "offline"; // offline, signed_out, ready

async function ask() {
  let told;
  try {
    const answer = await fetch("/scan/ready", { cache: "no-store", headers: { "Accept": "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    told = await answer.json();
  } catch {
    standing = "offline";
    return null;
  }
  standing = told.name ? "ready" : "signed_out";
  if (told.name) {
    known = { name: told.name, stores: told.stores };
    localStorage.setItem("beijian-scan-known", JSON.stringify(known));
    showStores();
  }
  return told.name ? told : null;
}

// ---- sending: in order, one tab at a time, each under its own key, so that sending twice does it once ----

async function send() {
  const alone = (act) => (navigator.locks ? navigator.locks.request("beijian-scan-send", { ifAvailable: true }, (lock) => lock && act()) : act());
  await alone(async () => {
    const told = await ask();
    if (!told) return;
    for (const act of (await acts()).filter((act) => act.state === "waiting")) {
      if (act.by && act.by !== told.name) continue; // somebody else's: it waits until they sign in
      if (!(await sendOne(act, told))) break;
      await show();
      channel.postMessage("changed");
    }
  });
  await show();
}

// What labels mean is asked once there is a network, and kept: sent a second time, an act says the same.
async function understand(act, kind) {
  if (act.understood) return;
  const fields = { ...act.fields };
  for (const { name, wants, kind: form } of kind.fields) {
    if (!fields[name] || !["serial", "part", "bin"].includes(wants)) continue;
    if (form === "list") fields[name] = (await Promise.all(split(fields[name]).map(async (text) => (await identified(text))?.serial ?? text))).join("\n");
    else {
      const found = await identified(fields[name]);
      fields[name] = (wants === "bin" ? found?.scanned.bin : wants === "part" ? found?.part_number : found?.serial) ?? fields[name];
      // a unit's label in the place of its part: it is this unit
      if (wants === "part" && found?.kind === "unit" && fields.serials === "") fields.serials = found.serial;
    }
  }
  await write(Object.assign(act, { fields, understood: true }));
}

async function identified(text) {
  const answer = await fetch(`/api/v1/scan?text=${encodeURIComponent(text)}`, { headers: { "Accept": "application/json" } });
  if (answer.status === 401 || answer.status === 429 || answer.status >= 500) throw new Error(String(answer.status));
  return answer.ok ? (await answer.json()).found : null;
}

// true where the service has answered for good
async function sendOne(act, told) {
  const kind = kinds.find((kind) => kind.name === act.kind);
  if (!kind) return true; // this version of the page does not know it; it waits
  let answer, body;
  try {
    await understand(act, kind);
    answer = await fetch(kind.url.replace(/\{(\w+)\}/, (_, name) => encodeURIComponent(act.fields[name])), {
      method: "POST",
      headers: { "Content-Type": "application/json", "Accept-Language": language, "Idempotency-Key": act.id, "x-csrftoken": told.csrf },
      body: JSON.stringify(bodyOf(act, kind)),
    });
    body = await answer.json();
  } catch {
    standing = "offline";
    return false;
  }
  if (answer.status === 401) { standing = "signed_out"; return false; }
  if (answer.status >= 500 || answer.status === 429 || body.code === "idempotency_in_progress") return false;
  if (answer.ok) Object.assign(act, { state: body.state === "conflict" ? "conflict" : "done", number: body.number ?? body.unit?.tag ?? body.unit?.serial ?? "", address: body.number && kind.name === "take" ? `/provisional-issues/${body.id}` : "", say: conflicts[body.conflict] ?? "", help: body.conflict ? words.keeper : "" });
  else Object.assign(act, { state: "refused", say: body.detail ?? body.title ?? String(answer.status), help: body.help ?? "" });
  act.answered_at = new Date().toISOString();
  await write(act);
  return true;
}

const split = (text) => text.split(/[\s,，;]+/).filter(Boolean);

function bodyOf(act, kind) {
  const body = {};
  for (const field of kind.fields) {
    const value = act.fields[field.name];
    if (field.kind === "path" || value === "" || value === undefined) continue;
    body[field.name] = field.kind === "number" ? Number(value) : field.kind === "list" ? split(value) : value;
  }
  if (kind.id_field) body[kind.id_field] = act.id;
  if (kind.time_field) body[kind.time_field] = act.occurred_at;
  return body;
}

// ---- the page ----

const element = (tag, classes, text) => Object.assign(document.createElement(tag), { className: classes, textContent: text ?? "" });

function showStores() {
  for (const select of document.querySelectorAll("select[data-stores]")) {
    const chosen = select.value || localStorage.getItem("beijian-scan-store") || "";
    select.replaceChildren(...known.stores.map(([code, name]) => Object.assign(element("option", "", name), { value: code })));
    if (known.stores.some(([code]) => code === chosen)) select.value = chosen;
  }
}

function row(act) {
  const kind = kinds.find((kind) => kind.name === act.kind);
  const item = element("li", `queued ${act.state}`);
  item.dataset.act = act.id;
  const what = element("div", "queued-what");
  what.append(element("strong", "", `${kind?.words ?? act.kind} ${act.fields.code ?? act.fields.serial ?? act.fields.part_number ?? ""}`));
  const at = new Date(act.occurred_at).toLocaleTimeString(language === "zh" ? "zh-CN" : "en-GB", { hour: "2-digit", minute: "2-digit", timeZone: words.zone });
  what.append(element("span", "sub", [act.fields.count, act.fields.quantity && `× ${act.fields.quantity}`, act.fields.depot, at, act.number].filter(Boolean).join(" · ")));
  if (act.state === "waiting" && act.by && known.name && act.by !== known.name) what.append(element("span", "sub", words.others.replace("{name}", act.by)));
  if (act.say) what.append(element("p", "queued-say", act.say));
  if (act.help) what.append(element("p", "sub", act.help));
  item.append(what, element("span", `badge bg-${{ waiting: "yellow", done: "green" }[act.state] ?? "red"}-lt`, words[act.state]));
  if (act.address) item.append(Object.assign(element("a", "btn btn-ghost-primary", words.open), { href: act.address }));
  if (act.state === "refused" || act.state === "conflict") {
    const seen = element("button", "btn", words.seen);
    seen.addEventListener("click", async () => { await forget(act.sequence); channel.postMessage("changed"); await show(); });
    item.append(seen);
  }
  return item;
}

async function show() {
  const all = await acts();
  const waiting = all.filter((act) => act.state === "waiting").length;
  document.getElementById("scan-queue").replaceChildren(...all.reverse().map(row));
  document.getElementById("scan-standing").textContent = words[standing];
  document.getElementById("scan-standing").className = `scan-standing ${standing}`;
  document.getElementById("scan-sign-in").hidden = standing !== "signed_out";
  document.getElementById("scan-waiting").textContent = waiting ? words.count.replace("{count}", waiting) : words.none;
  document.getElementById("scan-send").hidden = !waiting;
}

document.getElementById("scan-send").addEventListener("click", send);

document.querySelectorAll("[data-kind-tab]").forEach((tab) => tab.addEventListener("click", () => {
  document.querySelectorAll("[data-kind-tab]").forEach((each) => each.setAttribute("aria-pressed", String(each === tab)));
  document.querySelectorAll("form[data-kind]").forEach((form) => { form.hidden = form.dataset.kind !== tab.dataset.kindTab; });
  document.querySelector("form[data-kind]:not([hidden])")?.querySelector(SCANNED)?.focus();
}));

document.querySelectorAll("form[data-kind]").forEach((form) => form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const fields = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()]));
  if (fields.depot) localStorage.setItem("beijian-scan-store", fields.depot);
  // free for the next scan at once: a scanner does not wait
  const once = [...form.querySelectorAll("[data-once]")].map((field) => [field, field.value]);
  once.forEach(([field]) => { field.value = field.defaultValue; });
  form.querySelector(SCANNED)?.focus();
  try {
    await write({ id: newId(), kind: form.dataset.kind, fields, occurred_at: new Date().toISOString(), state: "waiting", by: known.name });
  } catch (failure) {
    once.forEach(([field, value]) => { field.value = value; });
    throw failure;
  }
  channel.postMessage("changed");
  await show();
  await send();
}));

channel.addEventListener("message", show);
addEventListener("online", send);
addEventListener("offline", async () => { standing = "offline"; await show(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) send(); });
setInterval(async () => { if ((await acts()).some((act) => act.state === "waiting")) await send(); }, AGAIN);

async function start() {
  const old = (act) => act.state === "done" && Date.now() - new Date(act.answered_at) > SENT_STAYS;
  for (const act of (await acts()).filter(old)) await forget(act.sequence);
  showStores();
  await show();
  navigator.storage?.persist?.();
  if ("serviceWorker" in navigator) {
    await navigator.serviceWorker.register("/service-worker.js");
    await navigator.serviceWorker.ready;
    document.documentElement.dataset.kept = "yes";
  }
}

start();
send();
document.querySelector(`form[data-kind]:not([hidden]) ${SCANNED}`)?.focus();
