// Keeps the night's page and the files it stands on, so that it opens without a network. VERSION and FILES are written
// above by the service. Answers with data are never kept, and nothing but the page and its files is answered here.
"use strict";

const PAGE = "/scan";
const PATIENCE = 4000;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(VERSION).then((cache) => cache.addAll([PAGE, ...FILES])).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const outdated = (names) => names.filter((name) => name.startsWith("beijian-") && name !== VERSION);
  event.waitUntil(
    caches.keys().then((names) => Promise.all(outdated(names).map((name) => caches.delete(name)))).then(() => self.clients.claim()),
  );
});

// the page: as the service has it now, else as it was kept
async function freshPage(request) {
  const cache = await caches.open(VERSION);
  try {
    const answer = await fetch(request, { signal: AbortSignal.timeout(PATIENCE) });
    if (answer.ok) await cache.put(PAGE, answer.clone());
    return answer.ok ? answer : (await cache.match(PAGE)) ?? answer;
  } catch (failure) {
    const kept = await cache.match(PAGE);
    if (!kept) throw failure;
    return kept;
  }
}

self.addEventListener("fetch", (event) => {
  const { request } = event, address = new URL(request.url);
  if (request.method !== "GET" || address.origin !== self.location.origin) return;
  if (request.mode === "navigate" && address.pathname === PAGE) event.respondWith(freshPage(request));
  else if (FILES.includes(address.pathname + address.search)) {
    event.respondWith(caches.match(request).then((kept) => kept ?? fetch(request)));
  }
});
