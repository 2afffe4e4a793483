// A field to sign in with a finger: strokes are points in a field of 1000 × 400, sent with the form as JSON.
"use strict";

const strokesOf = new WeakMap();

const pad = (event) => event.target.closest?.("[data-signature]");

function pointOf(canvas, event) {
  const box = canvas.getBoundingClientRect();
  const within = (at, most) => Math.round(Math.min(Math.max(at, 0), 1) * most * 10) / 10;
  return [within((event.clientX - box.left) / box.width, 1000), within((event.clientY - box.top) / box.height, 400)];
}

function draw(canvas, strokes) {
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.lineWidth = 6;
  pen.lineCap = pen.lineJoin = "round";
  pen.strokeStyle = "#123";
  for (const stroke of strokes) {
    pen.beginPath();
    stroke.forEach(([x, y], place) => (place ? pen.lineTo(x, y) : pen.moveTo(x, y)));
    if (stroke.length === 1) pen.lineTo(...stroke[0]);
    pen.stroke();
  }
}

function keep(field, strokes) {
  strokesOf.set(field, strokes);
  field.querySelector("input").value = strokes.length ? JSON.stringify(strokes) : "";
  draw(field.querySelector("canvas"), strokes);
}

document.addEventListener("pointerdown", (event) => {
  if (event.target.tagName !== "CANVAS" || !pad(event)) return;
  event.target.setPointerCapture(event.pointerId);
  keep(pad(event), [...(strokesOf.get(pad(event)) ?? []), [pointOf(event.target, event)]]);
});

document.addEventListener("pointermove", (event) => {
  if (event.target.tagName !== "CANVAS" || !pad(event) || !event.target.hasPointerCapture(event.pointerId)) return;
  const strokes = strokesOf.get(pad(event));
  strokes.at(-1).push(pointOf(event.target, event));
  keep(pad(event), strokes);
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-wipes]")) keep(pad(event), []);
});
