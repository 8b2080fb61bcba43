import {hear} from "./ear.js";

const element = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "srcObject");
Object.defineProperty(HTMLMediaElement.prototype, "srcObject", {
  ...element,
  set(stream) {
    element.set.call(this, stream);
    if (!this.muted) hear(stream); // the ear's own is
  },
});
window.confirm = () => true;
