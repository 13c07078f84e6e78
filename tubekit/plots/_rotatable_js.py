"""The script that turns a still picture into a rotatable one. Plain script, no modules, no network.

Pages opened from disk block module scripts and ``fetch``; a classic script tag works everywhere.
"""

SCRIPT = """
(function () {
  "use strict";
  if (!window.tubekit3d) window.tubekit3d = (function () {
    var loading = null;
    function plotly() {
      if (window.Plotly) return Promise.resolve(window.Plotly);
      loading = loading || new Promise(function (done, failed) {
        var root = document.documentElement.dataset.content_root || "./";
        var script = document.createElement("script");
        var define = window.define;
        window.define = undefined;  // an AMD loader on the page would swallow the global
        function end(ok) {
          window.define = define;
          if (ok && window.Plotly) { done(window.Plotly); } else { loading = null; failed(); }
        }
        script.src = root + "_static/plotly.min.js";
        script.onload = function () { end(true); };
        script.onerror = function () { end(false); };
        document.head.appendChild(script);
      });
      return loading;
    }
    function numbers(text, wide) {
      var raw = atob(text), bytes = new Uint8Array(raw.length);
      for (var i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
      return wide ? new Uint32Array(bytes.buffer) : new Uint16Array(bytes.buffer);
    }
    function column(values, k, scale, shift) {
      var out = new Array(values.length / 3);
      for (var i = 0; i < out.length; i++) out[i] = values[3 * i + k] * scale + shift;
      return out;
    }
    function traces(data) {
      return data.layers.map(function (layer) {
        var p = numbers(layer.points, false), f = numbers(layer.faces, layer.wide);
        return {
          type: "mesh3d", name: layer.name, color: layer.color, hoverinfo: "name",
          x: column(p, 2, data.step, data.origin[2]),
          y: column(p, 1, data.step, data.origin[1]),
          z: column(p, 0, data.step, data.origin[0]),
          // From (z, y, x) to (x, y, z) a triangle turns over; turned back, it faces outwards.
          i: column(f, 0, 1, 0), j: column(f, 2, 1, 0), k: column(f, 1, 1, 0),
          // The light stands with the viewer (negative z), above the left shoulder.
          lighting: {ambient: 0.4, diffuse: 0.65, specular: 0.1, roughness: 0.7},
          lightposition: {x: -70000, y: 100000, z: -60000}
        };
      });
    }
    function turn(eye, around, up) {
      var flat = Math.hypot(eye.x, eye.y), r = Math.hypot(flat, eye.z);
      var a = Math.atan2(eye.y, eye.x) + around;
      var e = Math.max(-1.5, Math.min(1.5, Math.atan2(eye.z, flat) + up));
      return {x: r * Math.cos(e) * Math.cos(a), y: r * Math.cos(e) * Math.sin(a),
              z: r * Math.sin(e)};
    }
    var keys = {ArrowLeft: [-0.15, 0, 1], ArrowRight: [0.15, 0, 1], ArrowUp: [0, 0.15, 1],
                ArrowDown: [0, -0.15, 1], "+": [0, 0, 0.9], "-": [0, 0, 1.1]};
    function mount(id) {
      var root = document.getElementById(id);
      var still = root.querySelector("img"), view = root.querySelector(".tube3d-view");
      var button = root.querySelector("button"), note = root.querySelector(".tube3d-note");
      var data = JSON.parse(root.querySelector("script[type='application/json']").textContent);
      var boxes = Array.prototype.slice.call(root.querySelectorAll("input"));
      var open = false, touched = false;
      function legend(on) {
        boxes.forEach(function (box) { box.hidden = !on; box.checked = true; });
      }
      boxes.forEach(function (box, i) {
        box.addEventListener("change", function () {
          var held = {};  // the axes, or what is left would be drawn larger
          ["xaxis", "yaxis", "zaxis"].forEach(function (axis) {
            held["scene." + axis + ".range"] = view._fullLayout.scene[axis].range.slice();
          });
          window.Plotly.update(view, {visible: box.checked}, held, [i]);
        });
      });
      function hasWebGL() {
        var canvas = document.createElement("canvas");
        return !!(canvas.getContext("webgl2") || canvas.getContext("webgl"));
      }
      function close() {
        if (window.Plotly) window.Plotly.purge(view);
        open = false; view.hidden = true; still.hidden = false; legend(false);
        button.textContent = "Rotate in 3-D"; note.textContent = "";
      }
      function fail(why) { close(); note.textContent = why; }
      function show(focus) {
        if (open) return;
        if (!hasWebGL()) { fail("This browser has no WebGL; the still picture stays."); return; }
        open = true; note.textContent = "Loading \\u2026";
        plotly().then(function (Plotly) {
          if (!open) return;
          view.hidden = false; still.hidden = true;
          // In parallel projection the aspect ratio sets the size, measured by the frame's height.
          var fill = Math.min(2.5, 1.7 * view.clientWidth / view.clientHeight);
          var aspect = {x: fill * data.aspect.x, y: fill * data.aspect.y, z: fill * data.aspect.z};
          var none = {visible: false, showspikes: false};
          return Plotly.newPlot(view, traces(data), {
            margin: {l: 0, r: 0, t: 0, b: 0}, paper_bgcolor: "#ffffff", showlegend: false,
            scene: {aspectmode: "manual", aspectratio: aspect, dragmode: "orbit",
                    xaxis: none, yaxis: none, zaxis: none,
                    camera: {eye: data.eye, projection: {type: "orthographic"}}}
          }, {displayModeBar: false, responsive: true, scrollZoom: false}).then(function () {
            button.textContent = "Show the still picture"; legend(true);
            note.textContent = "Drag, or use the arrow keys, + and \\u2212.";
            if (focus) view.focus();
          });
        }).catch(function () {
          fail("The 3-D script could not be loaded; the still picture stays.");
        });
      }
      button.hidden = false;
      button.addEventListener("click", function () {
        touched = true;
        if (open) { close(); } else { show(true); }
      });
      view.addEventListener("keydown", function (event) {
        var move = keys[event.key === "=" ? "+" : event.key];
        if (!move || !view.layout) return;
        event.preventDefault();
        var scene = view.layout.scene, camera = scene.camera;
        window.Plotly.relayout(view, {"scene.camera.eye": turn(camera.eye, move[0], move[1])});
        if (move[2] !== 1) {
          var a = scene.aspectratio, by = 1 / move[2];
          window.Plotly.relayout(view, {"scene.aspectratio":
            {x: a.x * by, y: a.y * by, z: a.z * by}});
        }
      });
      // With a mouse it opens by itself when scrolled near; a finger must first be able to scroll
      // past the picture, so there it waits for a tap.
      var mouse = window.matchMedia && window.matchMedia("(hover: hover) and (pointer: fine)");
      if (mouse && mouse.matches && "IntersectionObserver" in window) {
        var watch = new IntersectionObserver(function (entries) {
          if (!entries[0].isIntersecting) return;
          watch.disconnect();
          if (!touched) show(false);
        }, {rootMargin: "100px"});
        watch.observe(root);
      }
    }
    return {mount: mount};
  })();
  window.tubekit3d.mount(DIV_ID);
})();
"""
