// The start page: what runs, how to call it and, with a key, what may be used and what it costs.
// These modules are joined into one file when the studio starts.

import "./account.js";
import "./ask.js";
import "./call.js";
import { resume } from "./key.js";
import "./runs.js";

resume();
