// The README's page, whose speaker is listened to and whose user says yes.
import "./speaker.js";
import "./dist/snippet/readme.js";
import {tell} from "./ear.js";

tell("ready");
