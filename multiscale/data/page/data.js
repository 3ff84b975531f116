"use strict";
// Draws what page.py packed: a triangle mesh whose corners take values from nodes, and the voxels as a list.
const meta = JSON.parse(document.getElementById("meta").textContent);
const $ = (id) => document.getElementById(id);
const view = $("view");
const state = {
  variable: 0, frame: meta.frame, mode: "surface", axis: 2, at: [0, 0, 0], elevation: meta.view[0], azimuth: meta.view[1],
  zoom: 1, pan: meta.pan, map: "", least: 0, most: meta.steps, playing: false, picked: -1, dirty: true,
};
let data, gl, programs, buffers, textures, target;

// ---- data -------------------------------------------------------------------------------------------------------------
async function unpack() {
  const text = atob($("data").textContent.trim());
  const packed = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const whole = await new Response(stream).arrayBuffer();
  const kinds = { u1: Uint8Array, i1: Int8Array, u2: Uint16Array, u4: Uint32Array };
  data = {};
  for (const [name, [kind, offset, length]] of Object.entries(meta.arrays)) {
    data[name] = new kinds[kind](whole, offset, length);
  }
  for (const name of ["triangles", "first", "second"]) {  // kept as differences, which pack better
    const array = data[name];
    for (let i = 1; i < array.length; i++) array[i] += array[i - 1];
  }
  for (const variable of meta.variables) {
    const values = data[variable.values], nodes = meta.nodes;
    for (let i = nodes; i < values.length; i++) values[i] += values[i - nodes];  // each time as a change, modulo 65536
  }
}
const MISSING = 65535;
const frameCount = () => meta.times.length;
const codes = () => data[meta.variables[state.variable].values].subarray(state.frame * meta.nodes, (state.frame + 1) * meta.nodes);
function valueOf(code, variable) {
  const share = code / meta.steps;
  return variable.log ? variable.low * Math.pow(variable.high / variable.low, share)
    : variable.low + share * (variable.high - variable.low);
}
const digits = (value) => Number(value.toPrecision(3)).toString();
const clock = (frame) => meta.times.length && meta.timeUnit
  ? "t = " + (meta.times[frame] * meta.timeFactor).toFixed(meta.timeDigits) + " " + meta.timeUnit : "";

// ---- programs ----------------------------------------------------------------------------------------------------------
const COMMON = `#version 300 es
precision highp float; precision highp int;
uniform mat3 turn; uniform vec3 pivot; uniform vec2 pan; uniform vec2 half_span; uniform float reach;
uniform int cut_axis; uniform float cut_at; uniform float cut_side;
vec4 project(vec3 p) { vec3 e = turn * (p - pivot); return vec4((e.xy - pan) / half_span, -e.z / reach, 1.0); }
bool away(vec3 p) { return cut_axis >= 0 && cut_side * (p[cut_axis] - cut_at) > 0.0; }
`;
const COLOUR = `
uniform sampler2D map; uniform vec3 missing; uniform float least; uniform float most;
float share(float code) { return clamp((code - least) / max(most - least, 1.0), 0.0, 1.0); }
float step8(float code) { return (1.0 + floor(share(code) * 254.0 + 0.5)) / 255.0; }  // 0 is left for nothing
vec3 at_share(float t) { return texture(map, vec2((t * 255.0 + 0.5) / 256.0, 0.5)).rgb; }
vec3 colour(float code) { return code < 0.0 ? missing : at_share(share(code)); }
`;
const SHADERS = {
  mesh: [COMMON + `
    layout(location=0) in vec3 place; layout(location=1) in vec3 normal; layout(location=2) in float code;
    layout(location=3) in uint node; uniform vec3 low; uniform vec3 size;
    out vec3 p; out vec3 n; out float v; flat out uint id;
    void main() { p = low + place * size; n = turn * normal; v = code; id = node; gl_Position = project(p); }`,
  COMMON + COLOUR + `
    in vec3 p; in vec3 n; in float v; flat in uint id; uniform int task; uniform float ghost; out vec4 shown;
    void main() {
      if (away(p)) discard;
      if (task == 1) { shown = vec4(float(id & 255u), float(id >> 8 & 255u), float(id >> 16 & 255u), 255.0) / 255.0; return; }
      if (task == 2) { shown = vec4(0.0, 1.0, 0.0, 1.0); return; }
      if (task == 3) { shown = vec4(v < 0.0 ? 0.0 : step8(v), 1.0, 0.0, 1.0); return; }
      vec3 unit = normalize(n);
      if (!gl_FrontFacing) { shown = vec4(colour(v) * 0.45, ghost); return; }
      float light = 0.66 + 0.40 * max(dot(unit, normalize(vec3(-0.42, 0.52, 0.74))), 0.0)
        - 0.12 * pow(1.0 - clamp(unit.z, 0.0, 1.0), 2.0);
      float rim = 1.0 - clamp(unit.z, 0.0, 1.0);
      shown = vec4(colour(v) * light, ghost < 1.0 ? ghost * (0.35 + 2.2 * rim * rim) : 1.0);
    }`],
  layer: [COMMON + `
    layout(location=0) in vec2 corner; uniform vec3 origin; uniform vec3 right; uniform vec3 up; out vec2 at;
    void main() { at = corner; gl_Position = project(origin + corner.x * right + corner.y * up); }`,
  COMMON + COLOUR + `
    in vec2 at; uniform highp usampler2D layer; uniform int task; uniform int grid; out vec4 shown;
    float fraction(ivec2 cell) {
      ivec2 size = textureSize(layer, 0);
      if (any(lessThan(cell, ivec2(0))) || any(greaterThanEqual(cell, size))) return 0.0;
      return float(texelFetch(layer, cell, 0).g) / 255.0;
    }
    void main() {
      ivec2 size = textureSize(layer, 0);
      vec2 cell = at * vec2(size);
      vec2 low = floor(cell - 0.5), share = cell - 0.5 - low;
      ivec2 c = ivec2(low);
      float inside = mix(mix(fraction(c), fraction(c + ivec2(1, 0)), share.x),
        mix(fraction(c + ivec2(0, 1)), fraction(c + ivec2(1, 1)), share.x), share.y);
      if (inside < 0.5) discard;
      uvec4 here = texelFetch(layer, clamp(ivec2(cell), ivec2(0), size - 1), 0);
      if (here.a == 0u) discard;
      ivec2 i = ivec2(cell);
      if (task == 1) { shown = vec4(i.x & 255, i.y & 255, (i.x >> 8) | ((i.y >> 8) << 4), 1 + grid) / 255.0; return; }
      shown = vec4(colour(here.r == 65535u ? -1.0 : float(here.r)), 1.0);
    }`],
  points: [COMMON + COLOUR + `
    layout(location=0) in vec3 cell; layout(location=1) in float code; uniform vec3 corner; uniform float dx; uniform float pixels;
    out float v;
    void main() {
      vec3 p = corner + dx * (cell + 0.5); v = step8(code); gl_Position = project(p); gl_PointSize = pixels;
      if (away(p) || code > 65534.5) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
    }`,
  `#version 300 es
    precision highp float; in float v; out vec4 shown;
    void main() { shown = vec4(v, 0.0, 0.0, 1.0); }`],
  screen: [`#version 300 es
    layout(location=0) in vec2 corner; void main() { gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0); }`,
  COMMON + COLOUR + `
    uniform sampler2D found; out vec4 shown;
    void main() {
      vec4 here = texelFetch(found, ivec2(gl_FragCoord.xy), 0);
      if (here.g == 0.0 || here.r == 0.0) discard;
      shown = vec4(at_share((here.r * 255.0 - 1.0) / 254.0), 1.0);
    }`],
};

function build() {
  gl = view.getContext("webgl2", { antialias: true, preserveDrawingBuffer: true });
  if (!gl) throw new Error("This page needs WebGL 2, which this browser or its graphics driver does not offer.");
  programs = {};
  for (const [name, sources] of Object.entries(SHADERS)) {
    const program = gl.createProgram();
    sources.forEach((source, i) => {
      const shader = gl.createShader(i ? gl.FRAGMENT_SHADER : gl.VERTEX_SHADER);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(name + ": " + gl.getShaderInfoLog(shader));
      gl.attachShader(program, shader);
    });
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(name + ": " + gl.getProgramInfoLog(program));
    const uniform = {};
    for (let i = 0; i < gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS); i++) {
      const { name: key } = gl.getActiveUniform(program, i);
      uniform[key] = gl.getUniformLocation(program, key);
    }
    programs[name] = { program, uniform };
  }
  buffers = { codes: gl.createBuffer(), voxelCodes: gl.createBuffer() };
  const filled = (array, kind = gl.ARRAY_BUFFER) => {
    const buffer = gl.createBuffer();
    gl.bindBuffer(kind, buffer);
    gl.bufferData(kind, array, gl.STATIC_DRAW);
    return buffer;
  };
  const vao = (fill) => { const it = gl.createVertexArray(); gl.bindVertexArray(it); fill(); gl.bindVertexArray(null); return it; };
  const float = (slot, buffer, size, kind, normalized) => {
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.enableVertexAttribArray(slot);
    gl.vertexAttribPointer(slot, size, kind, normalized, 0, 0);
  };
  buffers.mesh = vao(() => {
    float(0, filled(data.vertices), 3, gl.UNSIGNED_SHORT, true);
    float(1, filled(data.normals), 3, gl.BYTE, true);
    float(2, buffers.codes, 1, gl.FLOAT, false);
    gl.bindBuffer(gl.ARRAY_BUFFER, filled(data.first));
    gl.enableVertexAttribArray(3);
    gl.vertexAttribIPointer(3, 1, gl.UNSIGNED_INT, 0, 0);
    filled(data.triangles, gl.ELEMENT_ARRAY_BUFFER);
  });
  const square = filled(new Float32Array([0, 0, 1, 0, 0, 1, 1, 1]));
  buffers.square = vao(() => float(0, square, 2, gl.FLOAT, false));
  buffers.points = vao(() => {
    float(0, filled(data.cells), 3, gl.UNSIGNED_SHORT, false);
    float(1, buffers.voxelCodes, 1, gl.UNSIGNED_SHORT, false);
  });
  textures = { map: gl.createTexture(), found: gl.createTexture(), layers: meta.grids.map(() => gl.createTexture()) };
  target = { frame: gl.createFramebuffer(), depth: gl.createRenderbuffer(), width: 0, height: 0 };
}
