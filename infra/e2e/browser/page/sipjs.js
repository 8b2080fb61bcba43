import {Invitation, SessionState} from "sip.js";
import {SessionManager} from "sip.js/lib/platform/web/index.js";
import {hear, tell, watch} from "./ear.js";

let manager, session;

function follow(next, type) {
  session = next;
  session.stateChange.addListener((state) => {
    if (state === SessionState.Established) {
      const {peerConnection, remoteMediaStream} = session.sessionDescriptionHandler;
      watch(peerConnection);
      hear(remoteMediaStream);
      tell("answered");
    }
    if (state === SessionState.Terminated) tell("ended");
  });
  tell(type, {from: session.remoteIdentity.uri.user, name: session.remoteIdentity.displayName});
}

window.phone = {
  async start({url, user, password, domain, expires}) {
    manager = new SessionManager(url, {
      aor: `sip:${user}@${domain}`, media: {constraints: {audio: true, video: false}}, reconnectionAttempts: 20, reconnectionDelay: 1,
      registererOptions: {expires: expires ?? 600},
      registererRegisterOptions: {requestDelegate: {onReject: ({message}) => tell("refused", {code: message.statusCode, cause: message.reasonPhrase})}},
      userAgentOptions: {
        authorizationUsername: user, authorizationPassword: password, logLevel: "warn",
        sessionDescriptionHandlerFactoryOptions: {iceGatheringTimeout: 1000, peerConnectionConfiguration: {iceServers: []}},
      },
      delegate: {
        onServerConnect: () => tell("connected"),
        onServerDisconnect: (error) => tell("disconnected", {cause: String(error)}),
        onRegistered: () => tell("registered"),
        onUnregistered: () => tell("unregistered"),
        onCallCreated: (s) => s instanceof Invitation || follow(s, "calling"),
        onCallReceived: (s) => follow(s, "incoming"),
        onCallHold: (s, held) => tell(held ? "held" : "resumed", {by: "local"}),
      },
    });
    await manager.connect().catch(() => tell("disconnected"));
    await manager.register();
  },
  stop: async () => (await manager.unregister(), manager.disconnect()),
  async call(to) {
    const invite = {requestDelegate: {
      onProgress: ({message}) => tell("ringing", {code: message.statusCode}),
      onReject: ({message}) => tell("rejected", {code: message.statusCode, cause: message.reasonPhrase}),
    }};
    await manager.call(to, undefined, invite);
  },
  accept: () => manager.answer(session),
  reject: () => manager.decline(session),
  hangup: () => manager.hangup(session),
  hold: () => manager.hold(session),
  resume: () => manager.unhold(session),
  transfer: (to) => manager.transfer(session, to),
  async info(digits) {
    for (const d of digits) await manager.sendDTMF(session, d);
  },
  press: (digits) => session.sessionDescriptionHandler.sendDtmf(digits, {duration: 120, interToneGap: 100}),
};
tell("ready");
