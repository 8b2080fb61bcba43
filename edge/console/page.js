// The server renders; this only asks for fresh parts when an event came, at most four times a second.
const parts = document.getElementById("parts"), link = document.getElementById("link");
const opened = new Map();
let waiting = false;

async function refresh() {
  waiting = false;
  const answer = await fetch(location.origin + "/parts"); // a URL with the key in it cannot be fetched
  if (!answer.ok) return;
  for (const d of parts.querySelectorAll("details")) opened.set(d.id, d.open);
  parts.innerHTML = await answer.text();
  for (const d of parts.querySelectorAll("details")) if (opened.has(d.id)) d.open = opened.get(d.id);
}

function soon() {
  if (!waiting) { waiting = true; setTimeout(refresh, 250); }
}

const stream = new EventSource("/v1/events");
for (const t of document.body.dataset.events.split(" ")) stream.addEventListener("offhook." + t, soon);
stream.onopen = () => { link.className = ""; link.textContent = "live"; soon(); };
stream.onerror = () => { link.className = "off"; link.textContent = "not connected"; };
setInterval(() => { if (document.querySelector(".call")) soon(); }, 1000);
