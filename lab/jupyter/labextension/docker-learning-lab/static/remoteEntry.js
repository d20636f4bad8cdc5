// What JupyterLab loads: a container of module federation, written by hand, so that there is no build.
// Source: webpack, Module Federation; JupyterLab, Extension Developer Guide, prebuilt extensions.
(() => {
  const here = document.currentScript.src;
  let scope = {};

  /** Return a module that JupyterLab shares with its extensions. */
  async function shared(name) {
    const versions = Object.values(scope[name] ?? {});
    const chosen = versions.find((version) => version.loaded) ?? versions[0];
    if (chosen === undefined) throw new Error(`JupyterLab shares no module ${name}`);
    return (await chosen.get())();
  }

  window._JUPYTERLAB ??= {};
  window._JUPYTERLAB["docker-learning-lab"] = {
    init(given) {
      scope = given;
    },
    async get(module) {
      if (module !== "./extension") throw new Error(`there is no module ${module}`);
      const { makePlugins } = await import(new URL("plugin.js", here));
      const plugins = await makePlugins(shared);
      return () => ({ __esModule: true, default: plugins });
    },
  };
})();
