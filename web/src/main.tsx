import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "./styles.css";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { session } from "./api";
import { preferColorScheme } from "./lib/colorScheme";
import { hasChosenLocale, setLocale, startI18n } from "./lib/i18n";

preferColorScheme();

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");

await Promise.all([startI18n(), session.resume()]);
if (session.state.user && !hasChosenLocale()) await setLocale(session.state.user.locale, { remember: false });
createRoot(root).render(<App />);
