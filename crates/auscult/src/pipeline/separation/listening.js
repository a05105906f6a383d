"use strict";
// One question a page: the clips of one song in random order, a scale of seven steps each, then the next song.
const test = JSON.parse(document.getElementById("test").textContent);
const say = (id, text) => { document.getElementById(id).textContent = text; };
let listener = "", order = [], place = 0, answers = [];

// A generator of its own for each listener, so that a reload gives the same order.
function generator(text) {
  let state = 2166136261;
  for (const letter of text) state = Math.imul(state ^ letter.codePointAt(0), 16777619);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function shuffled(items, random) {
  const all = items.slice();
  for (let last = all.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [all[last], all[other]] = [all[other], all[last]];
  }
  return all;
}

function player(address) {
  const audio = document.createElement("audio");
  audio.controls = true;
  audio.preload = "none";
  audio.src = address;
  return audio;
}

function show() {
  const song = order[place];
  say("progress", `${place + 1} of ${order.length}`);
  const reference = document.getElementById("reference");
  reference.replaceChildren(player(song.reference));
  const clips = document.getElementById("clips");
  clips.replaceChildren(...song.clips.map((clip, index) => {
    const row = document.createElement("fieldset");
    const legend = document.createElement("legend");
    legend.textContent = `Clip ${index + 1}`;
    row.append(legend, player(clip), document.createElement("br"), "Poor ");
    for (let step = 1; step <= 7; step++) {
      const label = document.createElement("label");
      const choice = document.createElement("input");
      Object.assign(choice, { type: "radio", name: clip, value: step, required: true });
      label.append(choice, String(step));
      row.append(label, " ");
    }
    row.append("Perfect");
    return row;
  }));
}

function finish() {
  document.getElementById("questions").hidden = true;
  document.getElementById("end").hidden = false;
  const quoted = (text) => `"${String(text).replaceAll('"', '""')}"`;
  const rows = [["test", "listener", "clip", "rating"], ...answers];
  const text = rows.map((row) => row.map(quoted).join(",")).join("\n") + "\n";
  const link = document.getElementById("save");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = `ratings-${listener.replaceAll(/[^\p{L}\p{N}]+/gu, "_")}.csv`;
}

document.getElementById("begin").addEventListener("submit", (event) => {
  event.preventDefault();
  listener = document.getElementById("listener").value.trim();
  const random = generator(`${test.id} ${listener}`);
  order = shuffled(test.songs, random).map((song) => ({ ...song, clips: shuffled(song.clips, random) }));
  document.getElementById("begin").hidden = true;
  document.getElementById("questions").hidden = false;
  show();
});

document.getElementById("questions").addEventListener("submit", (event) => {
  event.preventDefault();
  for (const [clip, rating] of new FormData(event.target)) answers.push([test.id, listener, clip, rating]);
  place += 1;
  window.scrollTo(0, 0);
  if (place < order.length) show(); else finish();
});
