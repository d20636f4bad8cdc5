// JupyterLab's side of Home: its command and card, and what it asks of JupyterLab and the server.

import { Course, followCells, keepWhenHidden } from "./course.js";
import { Home } from "./home.js";
import { homeWords } from "./home_words.js";
import { languageOf, words } from "./words.js";

const COMMAND = "docker-lab:home";
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16" style="fill: none">
  <g class="jp-icon3" stroke="#616161" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round">
    <path d="M4 11l8-7 8 7v9h-5v-6H9v6H4z"/></g></svg>`;
const LOCALES = { en: "en", ko: "ko_KR" };
const TRANSLATION = "@jupyterlab/translation-extension:plugin";

/** Return the plugin; `modules` are those that JupyterLab shares, by their short names. */
export function makeHomePlugin(modules) {
  const { application, apputils, icons, launcher, settings, translation } = modules;
  return {
    id: "docker-learning-lab:home",
    description: "The way through the course; notes which cells were run.",
    autoStart: true,
    optional: [
      apputils.ICommandPalette, launcher.ILauncher, translation.ITranslator, application.ILayoutRestorer, settings.ISettingRegistry,
    ],
    activate(app, palette, cards, translator, restorer, registry) {
      const request = requester(modules.services.ServerConnection);
      const course = new Course(request);
      const language = () => languageOf(translator?.languageCode);
      const tracker = new apputils.WidgetTracker({ namespace: "docker-lab-home" });
      const icon = new icons.LabIcon({ name: "docker-lab:home", svgstr: ICON });
      let panel = null;

      followCells(modules.notebook, course);
      keepWhenHidden(course);
      app.commands.addCommand(COMMAND, {
        label: () => homeWords(language(), "command"),
        caption: () => homeWords(language(), "caption"),
        icon,
        execute: () => {
          if (panel === null || panel.isDisposed) {
            panel = makePanel(modules, icon, new Home(language(), course, needs(app, request, registry)), course);
            void tracker.add(panel);
          }
          if (!panel.isAttached) app.shell.add(panel, "main");
          app.shell.activateById(panel.id);
          return panel;
        },
      });
      const category = words(language(), "category");
      palette?.addItem({ command: COMMAND, category });
      cards?.add({ command: COMMAND, category, rank: 0 });
      void restorer?.restore(tracker, { command: COMMAND, name: () => "home" });
      openLessons(app);
      void openFirst(app);
    },
  };
}

/** Open Home when nothing else is open: neither from the last time, nor by the page's address. */
async function openFirst(app) {
  await app.restored;
  const open = [...app.shell.widgets("main")].filter((each) => !each.id.startsWith("launcher"));
  if (open.length === 0 && !window.location.pathname.includes("/tree/")) await app.commands.execute(COMMAND);
}

/** Open here the lessons that widgets link to. */
function openLessons(app) {
  document.addEventListener("lab-open", (event) => {
    event.preventDefault();
    void app.commands.execute("docmanager:open", { path: event.detail.path });
  });
}

/** What Home asks of JupyterLab and of the server. */
function needs(app, request, registry) {
  return {
    open: (path) => void app.commands.execute("docmanager:open", { path }),
    doctor: () => void app.commands.execute("docker-lab:doctor"),
    report: () => request("lab/doctor"),
    engine: () => request("lab/engine"),
    reset: () => request("lab/engine/reset", { method: "POST" }),
    speak: (language) => setLocale(registry, LOCALES[language]),
  };
}

/** Set JupyterLab's own language, which follows when the page is loaded again. */
async function setLocale(registry, wanted) {
  if (!registry) return;
  const { composite } = await registry.get(TRANSLATION, "locale");
  if (composite === wanted || (composite === "default" && wanted === "en")) return;
  await registry.set(TRANSLATION, "locale", wanted);
}

function makePanel({ lumino, apputils }, icon, home, course) {
  const content = new lumino.Widget({ node: home.node });
  content.addClass("docker-lab-home-panel");
  const panel = new apputils.MainAreaWidget({ content });
  panel.id = "docker-lab-home";
  panel.title.closable = true;
  panel.title.icon = icon;
  home.onLanguage = () => {
    panel.title.label = homeWords(home.node.lang, "title");
  };
  course.onChange = () => void home.look();
  home.start();
  return panel;
}

/** Return a function that asks the server; it raises Error with the server's words. */
function requester(connection) {
  return async (path, init = {}) => {
    const settings = connection.makeSettings();
    const answer = await connection.makeRequest(`${settings.baseUrl}${path}`, init, settings);
    const content = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(content.message || answer.statusText);
    return content;
  };
}
