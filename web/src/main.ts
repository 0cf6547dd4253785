import { mount } from "svelte";
import "./app.css";
import App from "./App.svelte";
import { nearest, setLanguage } from "./lib/i18n/index.svelte";
import { recallTheme } from "./lib/session.svelte";

recallTheme();
await setLanguage(nearest(navigator.languages));
mount(App, { target: document.getElementById("app")! });
