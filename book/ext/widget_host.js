/*
 * Brings the widgets of a static page to life without a kernel.
 *
 * A built page carries its widgets as JSON: one script with the state of every model, and one
 * small script wherever a view was displayed. For anywidget models this file plays the part of
 * the notebook: it loads the widget's own module, gives it a model that keeps the state in the
 * page, and calls its `initialize` and `render`. Classic ipywidgets (sliders, `interact`,
 * `jslink`) go to the copy of ipywidgets' html-manager beside this file, which is fetched only
 * when a reader comes near one.
 *
 * A plain deferred script, not a module, so that a page opened straight from disk works too.
 */
(() => {
  "use strict";

  const STATE = 'script[type="application/vnd.jupyter.widget-state+json"]';
  const VIEW = 'script[type="application/vnd.jupyter.widget-view+json"]';
  const HTML_MANAGER = new URL("html-manager/embed.js", document.currentScript.src).href;
  const NEAR = "800px"; // how far below the window a classic widget is when its loader is fetched

  // MODEL: what a widget's module sees of its Python object

  /** Equality by value for plain JSON, by identity for everything else. */
  function equal(a, b) {
    if (a === b) return true;
    if (typeof a !== "object" || typeof b !== "object" || !a || !b) return false;
    if (Array.isArray(a) !== Array.isArray(b)) return false;
    if (ArrayBuffer.isView(a) || ArrayBuffer.isView(b)) return false;
    const keys = Object.keys(a);
    if (keys.length !== Object.keys(b).length) return false;
    return keys.every((key) => key in b && equal(a[key], b[key]));
  }

  class Model {
    #values;
    #listeners = [];

    constructor(values) {
      this.#values = values;
    }

    get(name) {
      return this.#values[name];
    }

    /** Set one value, or several as an object; tells `change:name` for each, then `change`. */
    set(nameOrValues, value) {
      const values = typeof nameOrValues === "string" ? { [nameOrValues]: value } : nameOrValues;
      const changed = Object.keys(values).filter((name) => !equal(this.#values[name], values[name]));
      for (const name of changed) this.#values[name] = values[name];
      for (const name of changed) this.#tell(`change:${name}`, values[name]);
      if (changed.length) this.#tell("change");
    }

    /** Without a kernel there is nobody to send to: the page itself holds the state. */
    save_changes() {}
    send() {}

    on(events, callback, owner) {
      for (const event of events.split(/\s+/)) this.#listeners.push({ event, callback, owner });
    }

    /** Every argument narrows what is removed; one that is missing matches everything. */
    off(events, callback, owner) {
      const named = events ? events.split(/\s+/) : null;
      this.#listeners = this.#listeners.filter(
        (l) =>
          (named && !named.includes(l.event)) ||
          (callback && callback !== l.callback) ||
          (owner && owner !== l.owner),
      );
    }

    #tell(event, ...details) {
      for (const l of [...this.#listeners]) {
        if (l.event === event && this.#listeners.includes(l)) l.callback(this, ...details);
      }
    }

    /** The model as one view sees it: `off()` there leaves the other views' listeners alone. */
    seenBy(owner) {
      return {
        get: (name) => this.get(name),
        set: (nameOrValues, value) => this.set(nameOrValues, value),
        save_changes: () => this.save_changes(),
        send: () => this.send(),
        on: (events, callback) => this.on(events, callback, owner),
        off: (events, callback) => this.off(events, callback, owner),
      };
    }
  }

  // STATE: from the page's JSON to models and modules

  /** Return a model's values with its binary buffers put back in place as DataViews. */
  function valuesOf({ state, buffers = [] }) {
    for (const { path, data } of buffers) {
      const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
      const parent = path.slice(0, -1).reduce((node, key) => node[key], state);
      // Bytes may outlive their array, which is then null.
      if (parent) parent[path.at(-1)] = new DataView(bytes.buffer);
    }
    return state;
  }

  const modules = new Map(); // text of a module -> promise of the loaded module
  const styles = new Set();

  function moduleFrom(text) {
    if (!modules.has(text)) {
      const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
      modules.set(text, import(url).finally(() => URL.revokeObjectURL(url)));
    }
    return modules.get(text);
  }

  function addStyle(text) {
    if (!text || styles.has(text)) return;
    styles.add(text);
    document.head.append(Object.assign(document.createElement("style"), { textContent: text }));
  }

  // VIEWS: one `initialize` for a model, one `render` for each place that shows it

  const leaving = new AbortController();
  window.addEventListener("pagehide", (event) => {
    if (!event.persisted) leaving.abort(); // a page kept for the back button stays alive
  });

  /** Call `hook` with its own sight of the model; what it returns is called when the page goes. */
  async function run(hook, model, owner, extra) {
    const experimental = { invoke: async () => Promise.reject(new Error("no Python here")) };
    const { signal } = leaving;
    const cleanup = await hook?.({ model: model.seenBy(owner), signal, experimental, ...extra });
    if (typeof cleanup === "function") signal.addEventListener("abort", cleanup);
  }

  async function startModel(entry) {
    const model = new Model(valuesOf(entry));
    addStyle(model.get("_css"));
    const module = await moduleFrom(model.get("_esm"));
    const exported = module.default ?? module;
    const widget = typeof exported === "function" ? await exported() : exported;
    await run(widget.initialize, model, {});
    return { model, widget };
  }

  async function showView(started, place) {
    const owner = {};
    const el = place.appendChild(document.createElement("div"));
    try {
      const { model, widget } = await started;
      await run(widget.render, model, owner, { el });
    } catch (error) {
      started.then(({ model }) => model.off(null, null, owner), () => {});
      const message = document.createElement("p");
      message.className = "widget-failed";
      message.textContent = `This widget could not start in your browser (${error}). The picture and the text around it stand without it.`;
      place.replaceChildren(message);
      console.warn(error);
    }
  }

  // CLASSIC IPYWIDGETS: left to html-manager, when a reader comes near

  function loadHtmlManager() {
    // It starts itself on the window's load event, which may be over by now: start it at once.
    const script = Object.assign(document.createElement("script"), { src: HTML_MANAGER });
    const listen = window.addEventListener;
    window.addEventListener = (type, start, ...rest) =>
      type === "load" && document.currentScript === script
        ? start()
        : listen.call(window, type, start, ...rest);
    script.onload = script.onerror = () => (window.addEventListener = listen);
    document.head.append(script);
  }

  function whenNear(places, action) {
    const observer = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        observer.disconnect();
        action();
      },
      { rootMargin: NEAR },
    );
    for (const place of places) observer.observe(place);
  }

  // START

  for (const stateScript of document.querySelectorAll(STATE)) {
    const { state, ...header } = JSON.parse(stateScript.textContent);
    const isAnywidget = (id) => state[id].model_module === "anywidget";
    const started = new Map();
    const classicPlaces = [];

    for (const viewScript of document.querySelectorAll(VIEW)) {
      const id = JSON.parse(viewScript.textContent).model_id;
      if (!(id in state)) continue;
      if (!isAnywidget(id)) {
        classicPlaces.push(viewScript.parentElement);
        continue;
      }
      if (!started.has(id)) started.set(id, startModel(state[id]));
      const place = Object.assign(document.createElement("div"), { className: "widget-view" });
      viewScript.replaceWith(place);
      showView(started.get(id), place);
    }

    if (classicPlaces.length) {
      const classic = Object.entries(state).filter(([id]) => !isAnywidget(id));
      stateScript.textContent = JSON.stringify({ ...header, state: Object.fromEntries(classic) });
      whenNear(classicPlaces, loadHtmlManager);
    }
  }
})();
