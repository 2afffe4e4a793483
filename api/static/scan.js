// Scan fields: a keyboard-wedge scanner types and presses Enter, a camera reads; both end in the same place.
//
// <div data-scan="serial|part|bin|tag|piece|text" data-scan-parts='["PSU-750"]'> holds an input or a textarea (one code a line) and
// may hold a camera button. What a code means is asked of /api/v1/scan; where that cannot be asked, the text stays as it is.
// data-scan-submits: a scan sends the form. data-scan-many: the field tells of each scan by an event, which whoever can do
// nothing with it cancels, and is free for the next.
"use strict";

const scanDialog = () => document.getElementById("scan-dialog");
const canSee = Boolean(navigator.mediaDevices?.getUserMedia);
document.documentElement.classList.toggle("can-see", canSee);

// ---- the end of a scan: Enter, which in an ordinary form would send it ----

// scanners send GS, RS and EOT as control keys; a field would drop them, and the browser may take them as its own
const CONTROLS = { "]": "\u241d", "^": "\u241e", d: "\u2404" };

document.addEventListener("keydown", (event) => {
  const box = event.target.closest?.("[data-scan]");
  if (!box || event.isComposing || !event.target.matches("input, textarea")) return;
  const control = event.ctrlKey && !event.altKey && CONTROLS[event.key.toLowerCase()];
  if (control) {
    event.preventDefault();
    event.target.setRangeText(control, event.target.selectionStart, event.target.selectionEnd, "end");
  } else if (event.key === "Enter" && !event.shiftKey && !("scanSubmits" in box.dataset)) {
    event.preventDefault();
    takeTyped(box, event.target);
  } else if (event.key === "Enter" && sent) {
    event.preventDefault();
    if (event.target === sent.field && !sent.typed) return; // the same text again: Enter was pressed twice
    if (event.target.value) ahead.push(event.target.value);
    event.target.value = "";
  }
});

function takeTyped(box, field) {
  if (field.tagName !== "TEXTAREA") {
    const text = field.value.trim();
    if ("scanMany" in box.dataset) field.value = "";
    if (text) settle(box, field, text).then((meant) => meant.wrong || goOn(field));
    return;
  }
  const start = field.value.lastIndexOf("\n", field.selectionStart - 1) + 1;
  const after = field.value.indexOf("\n", field.selectionStart);
  const end = after < 0 ? field.value.length : after;
  const text = field.value.slice(start, end).trim();
  // the next scan may begin before this one is known: it gets a line of its own at once
  field.setRangeText("\n", end, after < 0 ? end : end + 1, "end");
  if (text) settle(box, field, text);
}

// the scanner is the only key: after one field it goes on with the next
function goOn(field) {
  if (document.activeElement !== field) return;
  const fields = [...field.form.querySelectorAll("[data-scan] :is(input:not([type=hidden]), textarea)")];
  fields[fields.indexOf(field) + 1]?.focus();
}

// ---- what it means, one after the other as they came; a form is sent only when all of it is known ----

const queues = new WeakMap(), unsettled = new Map();

function settle(box, field, text) {
  const turn = (queues.get(field) ?? Promise.resolve()).then(async () => {
    const meant = await meaning(box, text);
    if (field.isConnected) put(box, field, text, meant);
    return meant;
  });
  const done = turn.catch(() => {}).then(() => unsettled.delete(done));
  unsettled.set(done, field.form);
  queues.set(field, done);
  return turn;
}

addEventListener("submit", async (event) => {
  const waiting = [...unsettled].filter(([, form]) => form === event.target).map(([turn]) => turn);
  if (!waiting.length) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  await Promise.all(waiting);
  if (event.target.isConnected) event.target.requestSubmit(event.submitter);
}, true);

async function meaning(box, text) {
  const wanted = box.dataset.scan, words = scanDialog().dataset;
  if (wanted === "text") return { value: text };
  let found;
  try {
    const answer = await fetch(`/api/v1/scan?text=${encodeURIComponent(text)}`, { headers: { Accept: "application/json" } });
    if (!answer.ok) return answer.status === 404 && wanted !== "piece" ? { wrong: words.other } : { value: text };
    found = (await answer.json()).found;
  } catch {
    return { value: text };
  }
  if (wanted === "piece") return { value: text, part: found.part_number, serial: found.kind === "part" ? null : found.serial, condition: found.unit?.condition, pool: found.unit?.pool };
  if (wanted === "bin") return { value: found.scanned.bin || text };
  if (wanted === "tag") return { value: found.scanned.tag || text };
  if (wanted === "part") return found.part_number ? { value: found.part_number } : { value: text };
  const plain = found.scanned.kind === "text";
  if (found.kind === "part" || !(found.serial || plain)) return { wrong: found.kind === "part" ? words.part : words.other };
  const expected = JSON.parse(box.dataset.scanParts || "[]");
  const part = found.part_number;
  const odd = found.other_part || (part && expected.length && !expected.includes(part) ? part : null);
  return { value: found.serial || text, warning: odd ? words.unexpected.replace("{part}", odd) : "" };
}

function put(box, field, text, meant) {
  const words = scanDialog().dataset;
  if ("scanMany" in box.dataset) {
    const known = field.dispatchEvent(new CustomEvent("scanned", { bubbles: true, cancelable: true, detail: meant }));
    return tell(box, known ? "right" : "wrong", meant.value);
  }
  const lines = field.tagName === "TEXTAREA" ? field.value.split("\n") : null;
  if (!lines) {
    if (meant.wrong) { field.select(); return tell(box, "wrong", `${text}: ${meant.wrong}`); }
    field.value = meant.value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    return tell(box, meant.warning ? "wrong" : "right", meant.warning || meant.value);
  }
  const at = lines.findLastIndex((line) => line.trim() === text);
  const already = lines.some((line, place) => place !== at && line.trim() === meant.value);
  if (at >= 0) replaceLine(field, lines, at, meant.wrong || already ? null : meant.value);
  if (meant.wrong) return tell(box, "wrong", `${text}: ${meant.wrong}`);
  if (already) return tell(box, "twice", words.twice.replace("{value}", meant.value));
  const count = field.value.split("\n").filter((line) => line.trim()).length;
  return tell(box, meant.warning ? "wrong" : "right", `${meant.value} · ${words.count.replace("{count}", count)}${meant.warning ? ` · ${meant.warning}` : ""}`);
}

// the caret stays where somebody, or the scanner, is typing on
function replaceLine(field, lines, at, value) {
  const start = lines.slice(0, at).reduce((sum, line) => sum + line.length + 1, 0);
  const end = start + lines[at].length + (value === null && at < lines.length - 1 ? 1 : 0);
  field.setRangeText(value ?? "", start, end, "preserve");
}

// ---- a scan that sends a form: the next one may come before the service has answered, and is not lost with the page ----

const ahead = [];
let sent = null;

const ofScan = (event) => sent !== null && event.detail.requestConfig?.elt === sent.field.form; // not of a page that renews itself meanwhile
const nextField = () => (sent.field.isConnected ? sent.field : document.querySelector("[data-next-scan]"));

document.addEventListener("htmx:beforeRequest", (event) => {
  const field = document.activeElement;
  if (field?.form !== event.target || !field.matches("[data-scan-submits] input")) return;
  sent = { field };
  field.select(); // typing on replaces it
});

document.addEventListener("input", (event) => { if (sent?.field === event.target) sent.typed = true; });

document.addEventListener("htmx:afterSwap", (event) => {
  if (!ofScan(event) || !sent.typed || sent.field.isConnected) return;
  const field = nextField();
  if (field) field.value = sent.field.value;
});

document.addEventListener("htmx:afterRequest", (event) => {
  if (!ofScan(event)) return;
  sent.taken = event.detail.successful;
  if (!sent.taken) ahead.length = 0;
  const box = nextField()?.closest("[data-scan]");
  if (box) tell(box, sent.taken ? "right" : "wrong", "");
});

document.addEventListener("htmx:sendError", (event) => { if (ofScan(event)) sent = null; });

document.addEventListener("htmx:afterSettle", (event) => {
  if (!ofScan(event) || sent.taken === undefined) return;
  const field = nextField();
  sent = null;
  if (!field || !ahead.length) return;
  const typed = field.value;
  field.focus();
  field.value = ahead.shift();
  field.form.requestSubmit();
  field.value = typed; // the beginning of the scan after it
  sent.typed = Boolean(typed);
});

// ---- seen, heard and felt: right, twice, wrong ----

const SOUNDS = { right: [[1320, 0.07]], twice: [[520, 0.09], [520, 0.09]], wrong: [[220, 0.3]] };
const SHAKES = { right: 40, twice: [60, 60, 60], wrong: 250 };
let audio = null;

function tell(box, how, words) {
  const told = box.parentElement.querySelector(".scan-told");
  if (told) { told.textContent = words; told.dataset.how = how; }
  box.classList.remove("scan-right", "scan-twice", "scan-wrong");
  void box.offsetWidth; // so that the flash begins anew
  box.classList.add(`scan-${how}`);
  if (!navigator.userActivation?.hasBeenActive) return;
  navigator.vibrate?.(SHAKES[how]);
  audio ??= new AudioContext();
  SOUNDS[how].forEach(([pitch, length], place) => beep(pitch, length, audio.currentTime + place * 0.16));
}

function beep(pitch, length, at) {
  const tone = audio.createOscillator(), loudness = audio.createGain();
  tone.frequency.value = pitch;
  loudness.gain.value = 0.08;
  tone.connect(loudness).connect(audio.destination);
  tone.start(at);
  tone.stop(at + length);
}

// ---- the camera ----

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-scan-camera]");
  if (button) see(button.closest("[data-scan]"));
});

let seeing = null;

async function see(box) {
  const dialog = scanDialog(), video = dialog.querySelector("video"), told = dialog.querySelector(".scan-told");
  const field = box.querySelector("input:not([type=hidden]), textarea");
  told.textContent = dialog.dataset.starting;
  told.dataset.how = "";
  dialog.showModal();
  const mine = (seeing = {});
  try {
    const [stream, decode] = await Promise.all([
      navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: { ideal: "environment" }, width: { ideal: 1920 }, height: { ideal: 1080 } } }),
      decoder(dialog.dataset.decoder),
    ]);
    mine.stream = stream;
    if (seeing !== mine || !dialog.open) return rest(mine);
    video.srcObject = stream;
    await video.play();
    told.textContent = dialog.dataset.aim;
    await watch(mine, box, field, video, decode);
  } catch (error) {
    told.textContent = error.name === "NotAllowedError" ? dialog.dataset.denied : dialog.dataset.blind;
    told.dataset.how = "wrong";
  }
  return rest(mine);
}

async function watch(mine, box, field, video, decode) {
  const dialog = scanDialog();
  const told = dialog.querySelector(".scan-told");
  let before = null, taken = null, takenAt = 0;
  while (seeing === mine && dialog.open) {
    const text = await decode(video);
    if (seeing !== mine || !dialog.open) return;
    const again = text === taken && performance.now() - takenAt < 2500;
    if (text && text === before && !again) { // a code counts once it was read twice alike: some have no check digit
      if (await arrive(box, field, text)) { dialog.close(); return; }
      const own = box.parentElement.querySelector(".scan-told");
      told.textContent = own?.textContent ?? text;
      told.dataset.how = own?.dataset.how ?? "";
      taken = text;
    }
    if (text && text === taken) takenAt = performance.now();
    before = text ?? before;
    await new Promise((resume) => setTimeout(resume, 80));
  }
}

// a code the camera read: one field takes it and is done, a field of many lines goes on
async function arrive(box, field, text) {
  if (field.tagName === "TEXTAREA") {
    const gap = field.value && !field.value.endsWith("\n") ? "\n" : "";
    field.setRangeText(`${gap}${text}\n`, field.value.length, field.value.length, "end");
    await settle(box, field, text);
    return false;
  }
  if ("scanMany" in box.dataset) { await settle(box, field, text); return false; }
  field.value = text;
  const meant = await settle(box, field, text);
  if (meant.wrong) return false;
  if ("scanSubmits" in box.dataset) field.form.requestSubmit();
  return true;
}

function rest(mine) {
  mine.stream?.getTracks().forEach((track) => track.stop());
  if (seeing !== mine) return;
  seeing = null;
  scanDialog().querySelector("video").srcObject = null;
}

document.addEventListener("close", (event) => {
  if (event.target.id === "scan-dialog" && seeing) rest(seeing);
}, true);

// ---- decoding: the browser's own where there is one, else the library, fetched when the camera is first opened ----

const KINDS = ["qr_code", "code_128", "data_matrix", "code_39"];
let decoding = null;

function decoder(library) {
  decoding ??= native().then((own) => own ?? vendored(library)).catch((error) => { decoding = null; throw error; });
  return decoding;
}

async function native() {
  if (!("BarcodeDetector" in window)) return null;
  const known = await BarcodeDetector.getSupportedFormats().catch(() => []);
  const formats = KINDS.filter((kind) => known.includes(kind));
  if (!formats.includes("qr_code") || !formats.includes("code_128")) return null;
  const detector = new BarcodeDetector({ formats });
  return async (video) => (await detector.detect(video).catch(() => []))[0]?.rawValue ?? null;
}

async function vendored(library) {
  await new Promise((loaded, failed) => {
    const script = document.createElement("script");
    script.src = library;
    script.onload = loaded;
    script.onerror = () => failed(new Error("no decoder"));
    document.head.append(script);
  });
  // one reader after the other: the library's own list of them writes what it did not find to the console
  const readers = [new ZXing.QRCodeReader(), new ZXing.DataMatrixReader(), new ZXing.Code128Reader(), new ZXing.Code39Reader()];
  const hints = new Map([[ZXing.DecodeHintType.TRY_HARDER, true]]);
  const canvas = document.createElement("canvas");
  let turn = 0;
  return async (video) => {
    if (!video.videoWidth) return null;
    const grey = look(canvas, video, LOOKS[turn++ % LOOKS.length]);
    const picture = new ZXing.BinaryBitmap(new ZXing.HybridBinarizer(new ZXing.RGBLuminanceSource(grey, canvas.width, canvas.height)));
    for (const reader of readers) {
      try {
        return reader.decode(picture, hints).getText();
      } catch {
        reader.reset(); // nothing of its kind in this picture
      }
    }
    return null;
  };
}

// by turns all of the picture, its middle in full detail, and all of it turned: a line of bars is read only along the rows
const LOOKS = [{ share: 1 }, { share: 0.6 }, { share: 1, turned: true }];

function look(canvas, video, { share, turned }) {
  const width = video.videoWidth * share, height = video.videoHeight * share;
  const scale = Math.min(1, 1280 / width);
  const [across, down] = [Math.round(width * scale), Math.round(height * scale)];
  [canvas.width, canvas.height] = turned ? [down, across] : [across, down];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (turned) { context.translate(down, 0); context.rotate(Math.PI / 2); }
  context.drawImage(video, (video.videoWidth - width) / 2, (video.videoHeight - height) / 2, width, height, 0, 0, across, down);
  const seen = context.getImageData(0, 0, canvas.width, canvas.height).data;
  const grey = new Uint8ClampedArray(canvas.width * canvas.height);
  for (let at = 0; at < grey.length; at++) grey[at] = (seen[4 * at] * 306 + seen[4 * at + 1] * 601 + seen[4 * at + 2] * 117) >> 10;
  return grey;
}
