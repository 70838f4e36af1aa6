"use strict";
// Maps of bytes that can be walked in. All that is shown stands in the list below each map; without this script, that list
// and the first view of the map are there.
for (const figure of document.querySelectorAll(".treemap")) {
  const map = figure.querySelector(".map"), list = figure.querySelector(".tree");
  const NS = "http://www.w3.org/2000/svg";
  const make = (tag, given, text) => {
    const one = document.createElementNS(NS, tag);
    for (const [name, value] of Object.entries(given)) one.setAttribute(name, value);
    if (text !== undefined) one.textContent = text;
    return one;
  };
  const read = (item, parent) => {
    const inner = item.querySelector(":scope > details > summary") || item;
    const data = inner.querySelector(":scope > data");
    const node = {
      item, parent, hue: item.dataset.hue, name: inner.querySelector(":scope > code").textContent,
      size: data.textContent, bytes: Number(data.value), hidden: Number(item.dataset.hidden),
      box: item.dataset.box.split(" ").map(Number),
    };
    node.path = parent.parent ? `${parent.path}/${node.name}` : node.name;
    const below = item.querySelectorAll(":scope > details > ul > li");
    node.children = [...below].map((child) => read(child, node));
    node.title = node.children.length && !item.dataset.layer ? `${node.name}/` : node.name;
    return node;
  };
  const top = { name: "all", path: "", box: [0, 0, 100, 100], parent: null };
  top.children = [...list.children].map((item) => read(item, top));
  let focus = top, sought = "";

  const tools = document.createElement("div"), crumbs = document.createElement("div");
  const label = document.createElement("label"), search = document.createElement("input"), found = document.createElement("span");
  tools.className = "tools";
  crumbs.className = "crumbs";
  search.type = "search";
  found.setAttribute("role", "status");
  label.append("find", search);
  tools.append(crumbs, found, label);
  map.before(tools);
  map.setAttribute("role", "group");
  figure.querySelector(".scripted").hidden = false;

  const holds = (node) => node.path.toLowerCase().includes(sought) || node.children.some(holds);
  const go = (node) => { focus = node; draw(); };
  const cell = (node) => {
    const [left, above, right, below] = focus.box, [x0, y0, x1, y1] = node.box;
    const x = (x0 - left) / (right - left), y = (y0 - above) / (below - above);
    const wide = (x1 - x0) / (right - left), high = (y1 - y0) / (below - above);
    const pixels = [wide * map.clientWidth, high * map.clientHeight];
    if (node.children.length && pixels[0] * pixels[1] > 30000) {
      node.children.forEach(cell);
      return;
    }
    const one = make("svg", { x: `${100 * x}%`, y: `${100 * y}%`, width: `${100 * wide}%`, height: `${100 * high}%` });
    one.append(make("title", {}, `${node.path}: ${node.size}`), make("rect", { class: `h${node.hue}`, width: "100%", height: "100%" }));
    if (node.hidden) {
      const part = 100 * node.hidden / node.bytes;
      one.append(make("rect", { class: "waste", x: `${100 - part}%`, width: `${part}%`, height: "100%" }));
    }
    const room = Math.floor((pixels[0] - 8) / 7.2), letters = [...node.title];
    if (room >= 3 && pixels[1] >= 16) {
      const told = letters.length > room ? letters.slice(0, room - 1).join("") + "…" : node.title;
      one.append(make("text", { x: 4, y: 13, "aria-hidden": "true" }, told));
      if (room >= 8 && pixels[1] >= 32) one.append(make("text", { class: "s", x: 4, y: 27, "aria-hidden": "true" }, node.size));
    }
    if (sought && !holds(node)) one.classList.add("dim");
    // What can be walked into: the directory itself, or for a file the one that holds it.
    let target = node;
    while (target.parent !== null && !target.children.length) target = target.parent;
    if (target !== focus) {
      one.addEventListener("click", () => go(target));
      if (target === node) {
        one.setAttribute("role", "button");
        one.setAttribute("tabindex", "0");
        one.firstChild.textContent += ", look into it";
        one.addEventListener("keydown", (event) => {
          if (event.key !== "Enter" && event.key !== " ") return;
          event.preventDefault();
          go(node);
          crumbs.lastChild.focus();
        });
      }
    }
    map.append(one);
  };
  const draw = () => {
    map.replaceChildren();
    focus.children.forEach(cell);
    crumbs.replaceChildren();
    for (let node = focus; node; node = node.parent) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = node.name;
      if (node === focus) button.setAttribute("aria-current", "location");
      button.addEventListener("click", () => go(node));
      if (crumbs.firstChild) crumbs.prepend(button, " / ");
      else crumbs.prepend(button);
    }
  };
  const filter = () => {
    sought = search.value.trim().toLowerCase();
    let count = 0;
    const each = (node) => {
      const own = node.path.toLowerCase().includes(sought), below = node.children.map(each).some(Boolean);
      if (sought && own) count += 1;
      node.item.hidden = Boolean(sought) && !own && !below;
      return own || below;
    };
    top.children.forEach(each);
    found.textContent = sought ? `${count} found` : "";
    draw();
  };
  search.addEventListener("input", filter);
  figure.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && focus.parent && event.target !== search) { go(focus.parent); crumbs.lastChild.focus(); }
  });
  new ResizeObserver(draw).observe(map);
  draw();
}
