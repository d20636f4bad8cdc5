// JupyterLab's side of the isolation meter and of the Hub: commands, cards in the launcher, a panel.

import { makeHomePlugin } from "./plugin_home.js";
import { Meter } from "./meter.js";
import { languageOf, words } from "./words.js";

const COMMAND = "docker-lab:doctor";
const HUB = "docker-lab:hub";
// no fill of its own: JupyterLab would give it its theme's colour
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16" style="fill: none">
  <g class="jp-icon3" stroke="#616161" stroke-width="1.8" stroke-linecap="round">
    <path d="M4 17a8 8 0 1 1 16 0"/><path d="M12 17l4.2-5.4"/><path d="M4 20.5h16"/></g></svg>`;

const HUB_ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16" style="fill: none">
  <g class="jp-icon3" stroke="#616161" stroke-width="1.8" stroke-linejoin="round">
    <path d="M4 8l8-4 8 4v8l-8 4-8-4z"/><path d="M4 8l8 4 8-4M12 12v8"/></g></svg>`;

const SHARED = {
  application: "@jupyterlab/application",
  apputils: "@jupyterlab/apputils",
  launcher: "@jupyterlab/launcher",
  notebook: "@jupyterlab/notebook",
  services: "@jupyterlab/services",
  settings: "@jupyterlab/settingregistry",
  translation: "@jupyterlab/translation",
  icons: "@jupyterlab/ui-components",
  lumino: "@lumino/widgets",
};

/** Return the plugins; `shared` gives the modules that JupyterLab shares. */
export async function makePlugins(shared) {
  const names = Object.keys(SHARED);
  const loaded = await Promise.all(names.map((name) => shared(SHARED[name])));
  const modules = Object.fromEntries(names.map((name, place) => [name, loaded[place]]));
  return [makeHomePlugin(modules), makePlugin(modules)];
}

function makePlugin({ application, apputils, launcher, services, translation, icons, lumino }) {
  return {
    id: "docker-learning-lab:doctor",
    description: "Shows what of Docker's isolation is real here.",
    autoStart: true,
    optional: [apputils.ICommandPalette, launcher.ILauncher, translation.ITranslator, application.ILayoutRestorer],
    activate(app, palette, cards, translator, restorer) {
      const language = () => languageOf(translator?.languageCode);
      const ask = (method) => askServer(services.ServerConnection, method);
      const tracker = new apputils.WidgetTracker({ namespace: "docker-lab-doctor" });
      const icon = new icons.LabIcon({ name: "docker-lab:meter", svgstr: ICON });
      let panel = null;

      app.commands.addCommand(COMMAND, {
        label: () => words(language(), "command"),
        caption: () => words(language(), "caption"),
        icon,
        execute: () => {
          if (panel === null || panel.isDisposed) {
            panel = makePanel(lumino, apputils, icon, new Meter(language(), ask));
            void tracker.add(panel);
          }
          if (!panel.isAttached) app.shell.add(panel, "main");
          app.shell.activateById(panel.id);
          return panel;
        },
      });
      const category = words(language(), "category");
      palette?.addItem({ command: COMMAND, category });
      cards?.add({ command: COMMAND, category, rank: 1 });
      addHub(app, palette, cards, services, new icons.LabIcon({ name: "docker-lab:hub", svgstr: HUB_ICON }), language);
      void restorer?.restore(tracker, { command: COMMAND, name: () => "doctor" });
    },
  };
}

/** Add the command and the card that open the Hub's page, which is in a window of its own. */
function addHub(app, palette, cards, services, icon, language) {
  app.commands.addCommand(HUB, {
    label: () => words(language(), "hub"),
    caption: () => words(language(), "hubCaption"),
    icon,
    execute: () => {
      const { baseUrl } = services.ServerConnection.makeSettings();
      window.open(`${baseUrl}lab/hub/?lang=${language()}`, "docker-lab-hub");
    },
  });
  const category = words(language(), "category");
  palette?.addItem({ command: HUB, category });
  cards?.add({ command: HUB, category, rank: 2 });
}

function makePanel(lumino, apputils, icon, meter) {
  const content = new lumino.Widget({ node: meter.node });
  content.addClass("docker-lab-meter-panel");
  const panel = new apputils.MainAreaWidget({ content });
  panel.id = "docker-lab-doctor";
  panel.title.closable = true;
  panel.title.icon = icon;
  meter.onLanguage = () => {
    panel.title.label = meter.say("title");
  };
  meter.start();
  return panel;
}

/** Ask the server for the report; POST measures anew.  Raises Error with the server's words. */
async function askServer(connection, method) {
  const settings = connection.makeSettings();
  const answer = await connection.makeRequest(`${settings.baseUrl}lab/doctor`, { method }, settings);
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.message ?? answer.statusText);
  return content;
}
