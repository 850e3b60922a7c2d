"use strict";
(() => {
  const { charts, themes } = JSON.parse(document.getElementById("charts").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const views = new Map();

  async function draw(box) {
    if (!box.offsetWidth) return; // inside a closed fold: drawn when it opens
    const theme = dark.matches ? "dark" : "light";
    const drawn = views.get(box);
    if (drawn && drawn.theme === theme) return;
    if (drawn && drawn.view) drawn.view.finalize();
    views.set(box, { theme });
    const result = await vegaEmbed(box, charts[box.dataset.chart].spec, {
      mode: "vega-lite", renderer: "svg", actions: false, ast: true, config: themes[theme],
    });
    views.set(box, { theme, view: result.view });
    box.dataset.drawn = theme;
    single(box.closest("figure"));
  }

  // Legend: press a series to single it out, press more to add them, press again to let go.
  function single(figure) {
    const entry = views.get(figure.querySelector(".plot"));
    if (!entry || !entry.view) return;
    const pressed = [...figure.querySelectorAll('.series[aria-pressed="true"]')];
    entry.view.signal("shown", pressed.map((b) => b.dataset.series)).runAsync();
  }

  function fillNumbers(details) {
    const box = details.querySelector(".scroll");
    if (!details.open || box.childElementCount) return;
    const { spec, fields } = charts[details.closest("figure").querySelector(".plot").dataset.chart];
    const table = document.createElement("table");
    const head = table.createTHead().insertRow();
    for (const [, title] of fields) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = title;
      head.append(cell);
    }
    const body = table.createTBody();
    for (const record of spec.data.values) {
      const row = body.insertRow();
      for (const [field] of fields) {
        const value = record[field];
        const cell = row.insertCell();
        cell.textContent = typeof value === "number" ? Number(value.toPrecision(5)) : (value ?? "–");
        if (typeof value === "number") cell.className = "num";
      }
    }
    box.append(table);
  }

  function addCopyButton(pre) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      const lines = [...pre.querySelectorAll("span:not(.old)")];
      const text = lines.length
        ? lines.map((l) => l.textContent.slice(2)).join("\n") + "\n"
        : pre.querySelector("code").textContent;
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(pre.querySelector("code"));
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 1600);
    });
    const frame = document.createElement("div");
    frame.className = "copyable";
    pre.replaceWith(frame);
    frame.append(pre, button);
  }

  const plots = [...document.querySelectorAll(".plot")];
  const drawAll = () => Promise.all(plots.map(draw));

  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) draw(entry.target);
  }, { rootMargin: "800px" });
  plots.forEach((box) => near.observe(box));

  dark.addEventListener("change", () => [...views.keys()].forEach(draw));
  addEventListener("beforeprint", drawAll);
  for (const figure of document.querySelectorAll("figure.chart")) {
    for (const button of figure.querySelectorAll(".series")) {
      button.addEventListener("click", () => {
        button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
        single(figure);
      });
    }
  }
  for (const details of document.querySelectorAll("details.numbers")) {
    details.addEventListener("toggle", () => fillNumbers(details));
  }
  document.querySelectorAll("pre[data-copy]").forEach(addCopyButton);

  // The track shows where the reader is.
  const links = new Map([...document.querySelectorAll(".track a")].map((a) => [a.hash.slice(1), a]));
  const spy = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      links.forEach((a) => a.removeAttribute("aria-current"));
      const link = links.get(entry.target.id);
      link.setAttribute("aria-current", "true");
      const list = link.closest("ol");
      if (list.scrollWidth > list.clientWidth) list.scrollTo({ left: link.offsetLeft - list.clientWidth / 3 });
    }
  }, { rootMargin: "-20% 0px -70% 0px" });
  document.querySelectorAll("section.stage").forEach((section) => spy.observe(section));

  // Drawn while the reader reads, so that scrolling and searching find finished charts.
  const rest = plots.slice();
  const later = window.requestIdleCallback || ((f) => setTimeout(f, 50));
  const next = () => {
    const box = rest.shift();
    if (box) draw(box).then(() => later(next));
    else document.documentElement.dataset.ready = "true";
  };
  later(next);
})();
