// ---- what changes with time, variable, slice and colours ------------------------------------------------------------------
function refresh() {
  const now = codes(), { first, second, share } = data, count = first.length;
  const mixed = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const a = now[first[i]], b = now[second[i]];
    mixed[i] = a === MISSING ? (b === MISSING ? -1 : b) : b === MISSING ? a : a + (b - a) * share[i] / 255;
  }
  gl.bindBuffer(gl.ARRAY_BUFFER, buffers.codes);
  gl.bufferData(gl.ARRAY_BUFFER, mixed, gl.DYNAMIC_DRAW);
  gl.bindBuffer(gl.ARRAY_BUFFER, buffers.voxelCodes);
  gl.bufferData(gl.ARRAY_BUFFER, now.subarray(0, meta.voxels), gl.DYNAMIC_DRAW);
  fillLayer();
  const variable = meta.variables[state.variable];
  gl.bindTexture(gl.TEXTURE_2D, textures.map);
  const colours = Uint8Array.from(atob(meta.maps[state.map]), (c) => c.charCodeAt(0));
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB8, 256, 1, 0, gl.RGB, gl.UNSIGNED_BYTE, colours);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
  $("clock").textContent = clock(state.frame);
  $("time").value = state.frame;
  drawBar(variable, colours);
  drawTrace();
  state.dirty = true;
}

const planeAxes = () => [[1, 2], [0, 2], [0, 1]][state.axis];
const layerOf = (grid) => Math.floor((state.at[state.axis] - grid.corner[state.axis]) / grid.dx + 1e-6);
function fillLayer() {
  const [u, v] = planeAxes(), now = codes(), { cells, fraction } = data;
  meta.grids.forEach((grid, number) => {
    const [wide, tall, wanted] = [grid.shape[u], grid.shape[v], layerOf(grid)];
    const picture = new Uint16Array(4 * wide * tall);
    for (let i = grid.start; i < grid.start + grid.count; i++) {
      if (cells[3 * i + state.axis] !== wanted) continue;
      const at = 4 * (cells[3 * i + v] * wide + cells[3 * i + u]);
      picture[at] = now[i]; picture[at + 1] = fraction[i]; picture[at + 3] = 1;
    }
    gl.bindTexture(gl.TEXTURE_2D, textures.layers[number]);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA16UI, wide, tall, 0, gl.RGBA_INTEGER, gl.UNSIGNED_SHORT, picture);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  });
  const digits = Math.max(0, 1 - Math.floor(Math.log10(meta.grids[0].dx)));
  $("where").textContent = state.at[state.axis].toFixed(digits) + " µm";
}

// ---- camera --------------------------------------------------------------------------------------------------------------
function frame() {  // rows: to the right, upwards, towards the eye; as turned() in shape3d.py
  const unit = (i) => [0, 1, 2].map((j) => (i === j ? 1 : 0)), up = meta.upwards;
  const east = up === 1 ? unit(0) : unit((up + 2) % 3), north = unit(up), south = up === 1 ? unit(2) : unit((up + 1) % 3);
  const [e, a] = [state.elevation, state.azimuth].map((angle) => angle * Math.PI / 180);
  const mix = (s, x, t, y) => x.map((value, i) => s * value + t * y[i]);
  const level = mix(Math.sin(a), east, Math.cos(a), south);
  return [mix(Math.cos(a), east, -Math.sin(a), south), mix(Math.cos(e), north, -Math.sin(e), level), mix(Math.cos(e), level, Math.sin(e), north)];
}
const pivot = () => meta.low.map((low, i) => (low + meta.high[i]) / 2);
const size3 = () => meta.high.map((high, i) => high - meta.low[i]);
const radius = () => Math.hypot(...size3()) / 2;
function halfSpan() {  // um from the middle to the sides of the window
  const aspect = view.width / view.height, tall = 1.25 * Math.max(meta.fit[1], meta.fit[0] / aspect) / state.zoom;
  return [tall * view.width / view.height, tall];
}
function aim(program) {
  const { uniform } = program, rows = frame(), depth = rows[2][state.axis];
  gl.useProgram(program.program);
  gl.uniformMatrix3fv(uniform.turn, true, rows.flat());
  gl.uniform3fv(uniform.pivot, pivot());
  gl.uniform2fv(uniform.pan, state.pan);
  gl.uniform2fv(uniform.half_span, halfSpan());
  gl.uniform1f(uniform.reach, 1.5 * radius());
  gl.uniform1i(uniform.cut_axis, ["cut", "maximum-cut"].includes(state.mode) ? state.axis : -1);
  gl.uniform1f(uniform.cut_at, state.at[state.axis]);
  gl.uniform1f(uniform.cut_side, depth >= 0 ? 1 : -1);  // the half towards the eye is taken away
  gl.uniform1i(uniform.map, 0);
  gl.uniform3fv(uniform.missing, meta.missing);
  gl.uniform1f(uniform.least, state.least);
  gl.uniform1f(uniform.most, state.most);
  gl.activeTexture(gl.TEXTURE0);
  gl.bindTexture(gl.TEXTURE_2D, textures.map);
}

// ---- drawing -------------------------------------------------------------------------------------------------------------
function drawMesh(task, from = 0, to = data.triangles.length, ghost = 1) {
  const { uniform } = programs.mesh;
  aim(programs.mesh);
  gl.uniform3fv(uniform.low, meta.low);
  gl.uniform3fv(uniform.size, size3());
  gl.uniform1i(uniform.task, task);
  gl.uniform1f(uniform.ghost, ghost);
  gl.bindVertexArray(buffers.mesh);
  gl.drawElements(gl.TRIANGLES, to - from, gl.UNSIGNED_INT, 4 * from);
}
function drawLayer(task) {
  const { uniform } = programs.layer, [u, v] = planeAxes();
  aim(programs.layer);
  gl.uniform1i(uniform.task, task);
  gl.uniform1i(uniform.layer, 1);
  gl.activeTexture(gl.TEXTURE1);
  gl.bindVertexArray(buffers.square);
  meta.grids.forEach((grid, number) => {
    const origin = grid.corner.slice(), right = [0, 0, 0], up = [0, 0, 0];
    origin[state.axis] = state.at[state.axis];
    right[u] = grid.shape[u] * grid.dx;
    up[v] = grid.shape[v] * grid.dx;
    gl.uniform3fv(uniform.origin, origin);
    gl.uniform3fv(uniform.right, right);
    gl.uniform3fv(uniform.up, up);
    gl.uniform1i(uniform.grid, number);
    gl.bindTexture(gl.TEXTURE_2D, textures.layers[number]);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  });
}
function offscreen() {
  if (target.width !== view.width || target.height !== view.height) {
    Object.assign(target, { width: view.width, height: view.height });
    gl.bindTexture(gl.TEXTURE_2D, textures.found);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, view.width, view.height, 0, gl.RGBA, gl.UNSIGNED_BYTE, null);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
    gl.bindRenderbuffer(gl.RENDERBUFFER, target.depth);
    gl.renderbufferStorage(gl.RENDERBUFFER, gl.DEPTH_COMPONENT24, view.width, view.height);
    gl.bindFramebuffer(gl.FRAMEBUFFER, target.frame);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, textures.found, 0);
    gl.framebufferRenderbuffer(gl.FRAMEBUFFER, gl.DEPTH_ATTACHMENT, gl.RENDERBUFFER, target.depth);
  }
  gl.bindFramebuffer(gl.FRAMEBUFFER, target.frame);
  gl.clearColor(0, 0, 0, 0);
  gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
}
function drawMaximum() {
  offscreen();
  gl.disable(gl.DEPTH_TEST);
  gl.enable(gl.BLEND);
  gl.blendEquation(gl.MAX);
  const { uniform } = programs.points;
  aim(programs.points);
  gl.bindVertexArray(buffers.points);
  for (const grid of meta.grids) {
    const pixels = 1.25 * grid.dx * view.height / (2 * halfSpan()[1]) + 1;
    gl.uniform3fv(uniform.corner, grid.corner);
    gl.uniform1f(uniform.dx, grid.dx);
    gl.uniform1f(uniform.pixels, Math.min(pixels, gl.getParameter(gl.ALIASED_POINT_SIZE_RANGE)[1]));
    gl.drawArrays(gl.POINTS, grid.start, grid.count);
  }
  drawMesh(2, 0, meta.skin);
  drawMesh(3, meta.skin);
  gl.blendEquation(gl.FUNC_ADD);
  gl.disable(gl.BLEND);
  gl.bindFramebuffer(gl.FRAMEBUFFER, null);
  aim(programs.screen);
  gl.uniform1i(programs.screen.uniform.found, 1);
  gl.activeTexture(gl.TEXTURE1);
  gl.bindTexture(gl.TEXTURE_2D, textures.found);
  gl.bindVertexArray(buffers.square);
  gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  gl.enable(gl.DEPTH_TEST);
}
function draw() {
  const dense = Math.min(window.devicePixelRatio || 1, 2);
  const [width, height] = [view.clientWidth, view.clientHeight].map((length) => Math.max(1, Math.round(length * dense)));
  if (view.width !== width || view.height !== height) Object.assign(view, { width, height });
  const paper = document.body.classList.contains("dark") ? [16 / 255, 16 / 255, 20 / 255] : [1, 1, 1];
  gl.bindFramebuffer(gl.FRAMEBUFFER, null);
  gl.viewport(0, 0, width, height);
  gl.clearColor(...paper, 1);
  gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
  gl.enable(gl.DEPTH_TEST);
  if (state.mode === "maximum") {
    drawMaximum();
  } else if (state.mode === "slice") {
    drawLayer(0);
    gl.enable(gl.BLEND);
    gl.blendFuncSeparate(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA, gl.ONE, gl.ONE);
    gl.depthMask(false);
    gl.enable(gl.CULL_FACE);
    drawMesh(0, 0, data.triangles.length, 0.16);
    gl.disable(gl.CULL_FACE);
    gl.depthMask(true);
    gl.disable(gl.BLEND);
  } else {
    drawMesh(0);
    if (state.mode === "cut") drawLayer(0);
  }
  drawScale();
  drawCross();
  drawMark();
}
function pick(x, y) {  // the node under a place on the canvas, -1 without one
  offscreen();
  gl.enable(gl.DEPTH_TEST);
  gl.enable(gl.SCISSOR_TEST);
  gl.scissor(x, y, 1, 1);
  if (state.mode !== "slice") drawMesh(1);
  if (state.mode === "slice" || state.mode === "cut") drawLayer(1);
  gl.disable(gl.SCISSOR_TEST);
  const four = new Uint8Array(4);
  gl.readPixels(x, y, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, four);
  gl.bindFramebuffer(gl.FRAMEBUFFER, null);
  const [r, g, b, a] = four;
  if (a === 255) return r | g << 8 | b << 16;
  if (a === 0) return -1;
  const grid = meta.grids[a - 1], wanted = [0, 0, 0], [u, v] = planeAxes(), { cells } = data;
  [wanted[state.axis], wanted[u], wanted[v]] = [layerOf(grid), r | (b & 15) << 8, g | b >> 4 << 8];
  for (let i = grid.start; i < grid.start + grid.count; i++) {
    if (cells[3 * i] === wanted[0] && cells[3 * i + 1] === wanted[1] && cells[3 * i + 2] === wanted[2]) return i;
  }
  return -1;
}
