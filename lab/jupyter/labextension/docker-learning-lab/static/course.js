// The course in JupyterLab: cells that were run are told to the server, and, where nothing there
// lasts, the browser keeps a copy of the progress.

const COPY = "docker-lab:progress";
const LESSON = /(?:^|\/)(?:en|ko)\/\d\d_\w+\.ipynb$/;

/** The course as the server tells it. */
export class Course {
  /** `request(path, init)` asks the server and returns what it says; it raises Error. */
  constructor(request) {
    this._request = request;
    this._place = null;
    this.onChange = () => {};
  }

  /** Return the way through the course; the first time, what the browser has kept is given back. */
  async told() {
    let told = await this._request("lab/course");
    if (this._place === null) {
      this._place = told;
      if (await this._restore(told)) told = await this._request("lab/course");
    }
    await this._keep();
    return told;
  }

  /** Tell that a cell of a notebook was run. */
  async ran(path, cell) {
    if (!LESSON.test(path)) return;
    const { noted } = await this._request("lab/course/cell", sending({ path, cell }));
    if (noted) await this.changed();
  }

  /** Keep a copy where that is needed, and tell who shows the course. */
  async changed() {
    await this._keep();
    this.onChange();
  }

  /** Return all of the progress as a text. */
  async exported() {
    return JSON.stringify(await this._request("lab/progress"), null, 1);
  }

  async imported(text) {
    await this._request("lab/progress", { method: "POST", body: text });
    await this.changed();
  }

  async forget() {
    await this._request("lab/progress", { method: "DELETE" });
    await this.changed();
  }

  /** Give a copy of an earlier session back; return whether there was one. */
  async _restore({ passing, session }) {
    const copy = passing ? copyKept() : null;
    if (copy === null || copy.session === session) return false;
    await this._request("lab/progress", { method: "POST", body: copy.text });
    return true;
  }

  async _keep() {
    if (!this._place?.passing) return;
    const copy = { session: this._place.session, text: await this.exported() };
    window.localStorage.setItem(COPY, JSON.stringify(copy));
  }
}

function copyKept() {
  try {
    return JSON.parse(window.localStorage.getItem(COPY));
  } catch {
    return null;
  }
}

function sending(value) {
  return { method: "POST", body: JSON.stringify(value) };
}

/** Tell `course` of every cell that is run in a notebook. */
export function followCells(notebook, course) {
  notebook.NotebookActions.executed.connect((_, { notebook: shown, cell, success }) => {
    const path = shown.parent?.context?.path;
    if (!success || path === undefined || cell.model.type !== "code") return;
    // the server may be busy or gone: to learn goes on without
    course.ran(path, cell.model.id).catch((error) => console.warn("docker-lab:", error));
  });
}

/** Keep the copy up to date with answers, which kernels record: when the page is left, or hidden. */
export function keepWhenHidden(course) {
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") course.changed().catch(() => {});
  });
}
