// Makes a still picture one that turns: opened on demand, by mouse, finger and keyboard.
// A classic script inside the page: pages opened from disk block modules and `fetch`.
window.tubekitFigure = window.tubekitFigure || function (id) {
  "use strict";
  const root = document.getElementById(id);
  const find = (part) => root.querySelector(part);
  const still = find("img"), view = find(".tube3d-view"), tools = find(".tube3d-tools");
  const toggle = find(".tube3d-open"), note = find(".tube3d-note");
  const boxes = [...root.querySelectorAll("input")];
  const texts = [toggle.textContent, "Show the still picture"];
  let viewer = null;

  function show(open, words) {
    for (const part of [view, tools, ...boxes]) part.hidden = !open;
    still.hidden = open;
    toggle.textContent = texts[Number(open)];
    note.textContent = words;
  }

  function start() {
    const data = JSON.parse(find("script[type='application/json']").textContent);
    const made = window.tubekitViewer(view, data);
    if (made) made.canvas.addEventListener("webglcontextlost", () => {
      made.canvas.remove();
      viewer = null;
      boxes.forEach((box) => { box.checked = true; });
      show(false, "The graphics memory was needed elsewhere; open the figure again.");
    });
    return made;
  }

  function open() {
    viewer = viewer || start();
    if (!viewer) return show(false, "This browser has no WebGL 2; the still picture stays.");
    const finger = window.matchMedia("(pointer: coarse)").matches;
    show(true, finger ? "Swipe sideways to turn, pinch to zoom; tap the figure to tilt it, too."
      : "Drag to turn. Click into the figure to zoom with the wheel; Esc lets go.");
  }

  toggle.hidden = false;
  toggle.addEventListener("click", (event) => {
    if (event.detail > 1) return;  // the second half of a double click
    if (!view.hidden) return show(false, "");
    open();
    if (event.detail === 0 && !view.hidden) view.focus();  // by keyboard
  });
  still.style.cursor = "pointer";
  still.addEventListener("click", open);
  boxes.forEach((box, i) => box.addEventListener("change", () => viewer.show(i, box.checked)));

  const actions = {closer: () => viewer.zoom(1.25), farther: () => viewer.zoom(0.8),
                   reset: () => viewer.reset()};
  tools.addEventListener("click", (event) => {
    const chosen = event.target.dataset.action;
    if (chosen) actions[chosen]();
  });

  const arrows = {ArrowLeft: [-18, 0], ArrowRight: [18, 0], ArrowUp: [0, -18], ArrowDown: [0, 18]};
  const others = {"+": "closer", "=": "closer", "-": "farther", "0": "reset"};
  view.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;  // the browser's own
    if (event.key === "Escape") return view.blur();
    const way = arrows[event.key], action = others[event.key];
    if (!way && !action) return;
    event.preventDefault();
    if (action) actions[action]();
    else viewer[event.shiftKey ? "move" : "turn"](...way);
  });

  // The wheel belongs to the page until the reader has chosen the figure.
  view.addEventListener("wheel", (event) => {
    if (document.activeElement !== view) return;
    event.preventDefault();
    viewer.zoom(Math.exp(-event.deltaY / 500));
  }, {passive: false});

  const fingers = new Map();
  function spread() {  // middle of all fingers, and how far they are from it
    const all = [...fingers.values()];
    const mean = (values) => values.reduce((a, b) => a + b) / all.length;
    const x = mean(all.map((p) => p.x)), y = mean(all.map((p) => p.y));
    return {x, y, far: mean(all.map((p) => Math.hypot(p.x - x, p.y - y)))};
  }
  view.addEventListener("pointerdown", (event) => {
    view.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, {x: event.clientX, y: event.clientY});
  });
  view.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    const before = spread();
    fingers.set(event.pointerId, {x: event.clientX, y: event.clientY});
    const after = spread();
    const turns = fingers.size === 1 && !event.shiftKey;
    viewer[turns ? "turn" : "move"](after.x - before.x, after.y - before.y);
    if (before.far) viewer.zoom(after.far / before.far);
  });
  for (const end of ["pointerup", "pointercancel"])
    view.addEventListener(end, (event) => fingers.delete(event.pointerId));
  view.addEventListener("touchmove", (event) => {
    if (event.touches.length > 1) event.preventDefault();  // two fingers zoom, not scroll
  }, {passive: false});
};
