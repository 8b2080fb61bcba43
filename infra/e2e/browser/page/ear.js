// Ear and mouth of a page under test: what a call brings is kept at 8 kHz, and `tell` passes on what happens.

export const tell = (type, more) => window.tell(JSON.stringify({type, ...more}));

const processor = `registerProcessor("ear", class extends AudioWorkletProcessor {
  process([input]) {
    if (input[0]) this.port.postMessage(input[0].slice());
    return true;
  }
})`;

const kept = 8000; // the last second
let heard = new Int16Array(0);
let listening;

function add(chunk) {
  const all = new Int16Array(heard.length + chunk.length);
  all.set(heard);
  chunk.forEach((s, i) => (all[heard.length + i] = Math.max(-1, Math.min(1, s)) * 32767));
  heard = all.slice(-kept);
}

// hear listens to a stream until the next one.
export async function hear(stream) {
  listening?.close();
  heard = new Int16Array(0);
  const context = (listening = new AudioContext({sampleRate: 8000}));
  await context.audioWorklet.addModule(URL.createObjectURL(new Blob([processor], {type: "text/javascript"})));
  const player = new Audio(); // without it Chromium lets no sound of a call through
  player.muted = true;
  player.srcObject = stream;
  const ear = new AudioWorkletNode(context, "ear");
  ear.port.onmessage = ({data}) => add(data);
  context.createMediaStreamSource(stream).connect(ear).connect(context.destination);
  tell("hears");
}

// watch tells whether sound can flow.
export function watch(connection) {
  const state = () => tell("media", {state: connection.connectionState});
  connection.addEventListener("connectionstatechange", state);
  state();
}

// heard gives the last second, in base64.
window.heard = () => btoa(String.fromCharCode(...new Uint8Array(heard.buffer)));

// say has the microphone say another tone than the browser's.
window.say = (hz) => {
  navigator.mediaDevices.getUserMedia = async () => {
    const context = new AudioContext();
    const tone = new OscillatorNode(context, {frequency: hz});
    const level = new GainNode(context, {gain: 0.4});
    const out = new MediaStreamAudioDestinationNode(context);
    tone.connect(level).connect(out);
    tone.start();
    return out.stream;
  };
};

// A tone is noise to whoever cleans up a voice.
const microphone = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = (wanted) =>
  microphone({...wanted, audio: wanted.audio && {echoCancellation: false, noiseSuppression: false, autoGainControl: false}});
