import JsSIP from "jssip";
import {hear, tell, watch} from "./ear.js";

const pcConfig = {iceServers: []};
let ua, session;

function listen(connection) {
  watch(connection);
  connection.addEventListener("track", ({streams, track}) => hear(streams[0] ?? new MediaStream([track])));
}

function follow(next, by) {
  session = next;
  session.connection ? listen(session.connection) : session.on("peerconnection", ({peerconnection}) => listen(peerconnection));
  session.on("progress", ({originator, response}) => originator === "remote" && tell("ringing", {code: response.status_code}));
  session.on("confirmed", () => tell("answered"));
  session.on("hold", ({originator}) => tell("held", {by: originator}));
  session.on("unhold", ({originator}) => tell("resumed", {by: originator}));
  session.on("refer", ({accept}) => (tell("referred"), accept(undefined, {mediaConstraints: {audio: true, video: false}, pcConfig})));
  for (const end of ["ended", "failed"])
    session.on(end, ({originator, cause, message}) => tell("ended", {by: originator, cause, code: message?.status_code}));
  tell(by === "remote" ? "incoming" : "calling", {from: session.remote_identity.uri.user, name: session.remote_identity.display_name});
}

window.phone = {
  start({url, user, password, domain, expires}) {
    ua = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(url)], uri: `sip:${user}@${domain}`, password, register_expires: expires ?? 600,
      connection_recovery_min_interval: 1, connection_recovery_max_interval: 1,
    });
    ua.on("connected", () => tell("connected"));
    ua.on("disconnected", ({code}) => tell("disconnected", {code}));
    ua.on("registered", () => tell("registered"));
    ua.on("unregistered", () => tell("unregistered"));
    ua.on("registrationFailed", ({response, cause}) => tell("refused", {code: response?.status_code, cause}));
    ua.on("newRTCSession", ({session: s, originator}) => follow(s, originator));
    ua.start();
  },
  stop: () => ua.stop(),
  // codecs of the sound that is sent and received, such as {"outbound-rtp": "audio/opus", "inbound-rtp": "audio/opus"}
  async codecs() {
    const stats = await session.connection.getStats();
    return Object.fromEntries([...stats.values()].filter((s) => s.type.endsWith("bound-rtp") && !s.type.startsWith("remote"))
      .map((s) => [s.type, stats.get(s.codecId)?.mimeType]));
  },
  call: (to) => void ua.call(to, {mediaConstraints: {audio: true, video: false}, pcConfig}),
  accept: () => session.answer({mediaConstraints: {audio: true, video: false}, pcConfig}),
  reject: () => session.terminate({status_code: 486}),
  hangup: () => session.terminate(),
  hold: () => session.hold(),
  resume: () => session.unhold(),
  transfer: (to) => session.refer(to),
  info: (digits) => session.sendDTMF(digits, {transportType: "INFO", duration: 100, interToneGap: 100}),
  press: (digits) => session.sendDTMF(digits, {transportType: "RFC2833", duration: 120, interToneGap: 100}),
};
tell("ready");
