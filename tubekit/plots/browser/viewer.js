// Draws triangle meshes with WebGL: parallel projection, z upright, light that stays with the
// viewer. Coordinates are (z, y, x), in steps of one size on all axes, as `rotatable.py` packs
// them. Where a point is seen depends on the camera and the frame, never on which layers are shown.
window.tubekitViewer = window.tubekitViewer || (function () {
  "use strict";

  const VERTEX = `#version 300 es
    in vec3 point; in vec3 normal;
    uniform mat3 axes; uniform vec3 scale; uniform vec2 shift;
    out vec3 turned;
    void main() {
      vec3 at = axes * point;
      turned = axes * normal;
      gl_Position = vec4((at.xy + shift) * scale.xy, -at.z * scale.z, 1.0);
    }`;
  const FRAGMENT = `#version 300 es
    precision highp float;
    in vec3 turned;
    uniform vec3 colour; uniform vec3 light; uniform float ambient;
    out vec4 ink;
    void main() {
      float bright = ambient + (1.0 - ambient) * abs(dot(normalize(turned), normalize(light)));
      ink = vec4(colour * bright, 1.0);
    }`;

  function numbers(text) {
    return new Uint16Array(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
  }

  // Sums over the triangles around each corner; larger triangles count more.
  function normals(points, faces) {
    const sums = new Float32Array(points.length);
    for (let f = 0; f < faces.length; f += 3) {
      const [a, b, c] = [3 * faces[f], 3 * faces[f + 1], 3 * faces[f + 2]];
      const u = [0, 1, 2].map((k) => points[b + k] - points[a + k]);
      const v = [0, 1, 2].map((k) => points[c + k] - points[a + k]);
      for (let k = 0; k < 3; k++) {
        const [l, m] = [(k + 1) % 3, (k + 2) % 3];
        const part = u[l] * v[m] - u[m] * v[l];
        for (const corner of [a, b, c]) sums[corner + k] += part;
      }
    }
    return sums;
  }

  function program(gl) {
    const made = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(made, shader);
    }
    gl.linkProgram(made);
    if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw Error(gl.getProgramInfoLog(made));
    return made;
  }

  function upload(gl, shading, points, faces) {
    const array = gl.createVertexArray();
    gl.bindVertexArray(array);
    for (const [name, values] of [["point", points], ["normal", normals(points, faces)]]) {
      const place = gl.getAttribLocation(shading, name);
      gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
      gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
      gl.enableVertexAttribArray(place);
      gl.vertexAttribPointer(place, 3, gl.FLOAT, false, 0, 0);
    }
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, faces, gl.STATIC_DRAW);
    return array;
  }

  // `null` where the browser has no WebGL 2.
  return function (frame, data) {
    const canvas = document.createElement("canvas");
    const gl = canvas.getContext("webgl2", {antialias: true, alpha: false});
    if (!gl) return null;
    const shading = program(gl);
    const uniform = (name) => gl.getUniformLocation(shading, name);
    const [x, y, z] = data.eye, tilt = Math.atan2(z, Math.hypot(x, y));
    const start = {around: Math.atan2(y, x), up: tilt, zoom: 1, right: 0, above: 0};
    // The start fills the frame so that a turn around the upright axis stays inside it.
    const room = {wide: 0, high: 0, deep: 0};
    const layers = data.layers.map((layer) => {
      const middle = data.size.map((n) => n / 2);
      const points = Float32Array.from(numbers(layer.points), (value, i) => value - middle[i % 3]);
      for (let i = 0; i < points.length; i += 3) {
        const height = Math.abs(points[i]), round = Math.hypot(points[i + 1], points[i + 2]);
        room.wide = Math.max(room.wide, round);
        room.high = Math.max(room.high, height * Math.cos(tilt) + round * Math.abs(Math.sin(tilt)));
        room.deep = Math.max(room.deep, Math.hypot(height, round));
      }
      const faces = numbers(layer.faces);
      return {array: upload(gl, shading, points, faces), count: faces.length, shown: true,
              colour: layer.colour};
    });
    let camera = {...start}, waiting = false;

    function unit() {  // pixels of the page for one step
      return 0.47 * camera.zoom
        * Math.min(frame.clientWidth / room.wide, frame.clientHeight / room.high);
    }

    function draw() {
      waiting = false;
      const [w, h] = [frame.clientWidth, frame.clientHeight];
      if (!w || !h) return;
      const fine = window.devicePixelRatio || 1;
      canvas.width = Math.round(w * fine);
      canvas.height = Math.round(h * fine);
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(1, 1, 1, 1);
      gl.enable(gl.DEPTH_TEST);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      gl.useProgram(shading);
      const [ca, sa, ce, se] = [Math.cos(camera.around), Math.sin(camera.around),
                                Math.cos(camera.up), Math.sin(camera.up)];
      // Column by column: where z, y and x point to, as (right, up, towards the viewer).
      gl.uniformMatrix3fv(uniform("axes"), false,
                          [0, ce, se, ca, -se * sa, ce * sa, -sa, -se * ca, ce * ca]);
      gl.uniform3f(uniform("scale"), 2 * unit() / w, 2 * unit() / h, 0.99 / room.deep);
      gl.uniform2f(uniform("shift"), camera.right, camera.above);
      gl.uniform3fv(uniform("light"), data.light);
      gl.uniform1f(uniform("ambient"), data.ambient);
      for (const layer of layers.filter((one) => one.shown)) {
        gl.uniform3fv(uniform("colour"), layer.colour);
        gl.bindVertexArray(layer.array);
        gl.drawElements(gl.TRIANGLES, layer.count, gl.UNSIGNED_SHORT, 0);
      }
    }

    function change(values) {
      Object.assign(camera, values);
      if (!waiting) window.requestAnimationFrame(draw);
      waiting = true;
    }

    canvas.style.cssText = "display:block;width:100%;height:100%";
    frame.append(canvas);
    new ResizeObserver(() => change({})).observe(frame);
    return {
      canvas,
      // Pixels to the right and down: what was grabbed stays under the finger.
      turn: (right, down) => change({
        around: camera.around - right / 120,
        up: Math.max(-Math.PI / 2, Math.min(Math.PI / 2, camera.up + down / 120))}),
      move: (right, down) => change({right: camera.right + right / unit(),
                                     above: camera.above - down / unit()}),
      zoom: (by) => change({zoom: Math.max(0.3, Math.min(20, camera.zoom * by))}),
      reset: () => change(start),
      show: (i, on) => { layers[i].shown = on; change({}); },
    };
  };
})();
