// ---- words, bars and traces ---------------------------------------------------------------------------------------------
function paperOf(canvas, width, height) {
  const dense = window.devicePixelRatio || 1, context = canvas.getContext("2d");
  Object.assign(canvas, { width: width * dense, height: height * dense });
  Object.assign(canvas.style, { width: width + "px", height: height + "px" });
  context.scale(dense, dense);
  const style = getComputedStyle(document.body), ink = style.getPropertyValue("--ink").trim();
  Object.assign(context, { fillStyle: ink, strokeStyle: ink, font: "12px " + style.fontFamily, textBaseline: "middle" });
  return context;
}
function ticks(low, high, log) {
  if (log && high / low > 5) {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
      for (const step of [1, 2, 5]) { const at = step * 10 ** power; if (at >= low * 0.999 && at <= high * 1.001) found.push(at); }
    }
    return found;
  }
  const raw = (high - low) / 5, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((s) => s * power).find((s) => s >= raw);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + 1e-9 * step; at += step) found.push(at);
  return found;
}
const labelOf = (variable) => variable.unit ? variable.name + " (" + variable.unit + ")" : variable.name;
function drawBar(variable, colours) {
  const context = paperOf($("bar"), 104, 260), [top, bottom] = [28, 250];
  const [low, high] = [valueOf(state.least, variable), valueOf(state.most, variable)];
  for (let y = top; y < bottom; y++) {
    const i = 3 * Math.round(255 * (bottom - 1 - y) / (bottom - 1 - top));
    context.fillStyle = `rgb(${colours[i]},${colours[i + 1]},${colours[i + 2]})`;
    context.fillRect(8, y, 14, 1.5);
  }
  context.fillStyle = context.strokeStyle;
  context.fillText(labelOf(variable), 6, 12);
  for (const at of ticks(low, high, variable.log)) {
    const share = variable.log ? Math.log(at / low) / Math.log(high / low) : (at - low) / (high - low);
    const y = bottom - share * (bottom - top);
    context.fillRect(22, y - 0.5, 4, 1);
    context.fillText(digits(at), 30, y);
  }
}
function drawScale() {
  const pixel = 2 * halfSpan()[1] / view.clientHeight, wanted = 130 * pixel, power = 10 ** Math.floor(Math.log10(wanted));
  const length = [5, 2, 1].map((s) => s * power).find((s) => s <= wanted * 1.0001);
  $("scale").firstElementChild.style.width = length / pixel + "px";
  $("scale").lastElementChild.textContent = length >= 1 ? length + " µm" : Math.round(length * 1e3) + " nm";
}
function drawCross() {
  const context = paperOf($("cross"), 76, 76), rows = frame();
  context.textAlign = "center";
  ["x", "y", "z"].forEach((name, i) => {
    const [dx, dy] = [26 * rows[0][i], -26 * rows[1][i]];
    context.beginPath();
    context.moveTo(38, 38);
    context.lineTo(38 + dx, 38 + dy);
    context.stroke();
    if (Math.hypot(dx, dy) > 5) context.fillText(name, 38 + 1.32 * dx, 38 + 1.32 * dy);
  });
}
function drawMark() {  // a ring where the reader asked for values
  $("mark").style.display = state.picked < 0 ? "none" : "block";
  if (state.picked < 0) return;
  const away = placeOf(state.picked).map((x, i) => x - pivot()[i]), span = halfSpan();
  const [x, y] = frame().slice(0, 2).map((row, k) => (row.reduce((sum, r, i) => sum + r * away[i], 0) - state.pan[k]) / span[k]);
  $("mark").style.left = (1 + x) / 2 * view.clientWidth + "px";
  $("mark").style.top = (1 - y) / 2 * view.clientHeight + "px";
}
function placeOf(node) {
  if (node >= meta.voxels) return meta.rods[node - meta.voxels];
  const grid = meta.grids.find((one) => node < one.start + one.count);
  return [0, 1, 2].map((i) => grid.corner[i] + grid.dx * (data.cells[3 * node + i] + 0.5));
}
function drawTrace() {
  const node = state.picked;
  $("probe").style.display = node < 0 ? "none" : "block";
  if (node < 0) return;
  const variable = meta.variables[state.variable], values = data[variable.values], code = values[state.frame * meta.nodes + node];
  const section = meta.sections.length ? meta.sections[data.section[node]] + ", " : "";
  $("place").textContent = section + placeOf(node).map((x) => x.toFixed(1)).join(", ") + " µm: "
    + (code === MISSING ? "no value" : digits(valueOf(code, variable)) + " " + variable.unit);
  const context = paperOf($("trace"), 248, frameCount() > 1 ? 104 : 1);
  if (frameCount() < 2) return;
  const [left, right, top, bottom] = [40, 240, 8, 84], span = meta.times[meta.times.length - 1] - meta.times[0];
  const own = Array.from({ length: frameCount() }, (_, f) => values[f * meta.nodes + node]), known = own.filter((c) => c !== MISSING);
  const least = Math.min(...known), most = Math.max(...known, least + meta.steps / 500);
  const x = (f) => left + (right - left) * (meta.times[f] - meta.times[0]) / span;
  const y = (at) => bottom - (bottom - top) * (at - least) / (most - least);
  context.textAlign = "right";
  context.fillText(digits(valueOf(most, variable)), left - 5, top + 2);
  context.fillText(digits(valueOf(least, variable)), left - 5, bottom - 2);
  context.fillText(digits(meta.times[meta.times.length - 1] * meta.timeFactor) + " " + meta.timeUnit, right + 4, bottom + 12);
  context.textAlign = "left";
  context.fillText(digits(meta.times[0] * meta.timeFactor), left, bottom + 12);
  context.strokeRect(left, top, 0, bottom - top);
  context.strokeRect(left, bottom, right - left, 0);
  context.strokeStyle = "#d55e00";
  context.strokeRect(x(state.frame), top, 0, bottom - top);
  context.strokeStyle = "#0072b2";
  context.lineWidth = 1.5;
  context.beginPath();
  own.forEach((at, f) => { if (at !== MISSING) context.lineTo(x(f), y(at)); });
  context.stroke();
}

// ---- hands ---------------------------------------------------------------------------------------------------------------
function choose(changes, again = true) {
  Object.assign(state, changes);
  if (again) refresh(); else state.dirty = true;
}
function setVariable(index) {
  const variable = meta.variables[index];
  for (const [id, value] of [["least", 0], ["most", meta.steps], ["map", variable.map]]) $(id).value = value;
  choose({ variable: index, least: 0, most: meta.steps, map: variable.map });
}
function fitColours() {  // to what this time holds
  let [least, most] = [meta.steps, 0];
  for (const code of codes()) if (code !== MISSING) { if (code < least) least = code; if (code > most) most = code; }
  if (most <= least) return;
  [$("least").value, $("most").value] = [least, most];
  choose({ least, most });
}
function setAxis(axis) {
  state.axis = axis;
  const grid = meta.grids[0], low = Math.min(...meta.grids.map((one) => one.corner[axis]));
  const high = Math.max(...meta.grids.map((one) => one.corner[axis] + one.dx * one.shape[axis]));
  const first = low + ((grid.corner[axis] - low) % grid.dx) + grid.dx / 2;  // so that steps end in the middle of layers
  Object.assign($("at"), { min: first, max: high, step: grid.dx, value: state.at[axis] });
  refresh();
}
function wire() {
  meta.variables.forEach((variable, i) => $("variable").add(new Option(variable.name, i)));
  Object.keys(meta.maps).forEach((name) => $("map").add(new Option(name, name)));
  $("which").style.display = meta.variables.length > 1 ? "" : "none";
  $("variable").onchange = (event) => setVariable(Number(event.target.value));
  $("mode").onchange = (event) => {
    $("cutting").style.display = ["cut", "slice"].includes(event.target.value) ? "" : "none";
    choose({ mode: event.target.value });
  };
  $("cutting").style.display = "none";
  $("axis").onchange = (event) => setAxis("xyz".indexOf(event.target.value));
  $("at").oninput = (event) => { state.at[state.axis] = Number(event.target.value); refresh(); };
  $("map").onchange = (event) => choose({ map: event.target.value });
  $("least").oninput = (event) => choose({ least: Math.min(Number(event.target.value), state.most - 1) });
  $("most").oninput = (event) => choose({ most: Math.max(Number(event.target.value), state.least + 1) });
  for (const id of ["least", "most"]) Object.assign($(id), { min: 0, max: meta.steps });
  $("fit").onclick = fitColours;
  $("reset").onclick = () => choose({ elevation: meta.view[0], azimuth: meta.view[1], zoom: 1, pan: meta.pan }, false);
  $("night").onclick = () => {
    $("night").textContent = document.body.classList.toggle("dark") ? "light" : "dark";
    refresh();
  };
  $("probe").firstElementChild.onclick = () => choose({ picked: -1 });
  Object.assign($("time"), { max: frameCount() - 1, oninput: (event) => choose({ frame: Number(event.target.value), playing: false }) });
  $("timeline").style.display = frameCount() > 1 ? "flex" : "none";
  $("play").onclick = () => { choose({ playing: !state.playing }, false); };
  window.onresize = () => { state.dirty = true; };
  window.onkeydown = (event) => {
    if (["SELECT", "INPUT"].includes(event.target.tagName)) return;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === " ") $("play").onclick();
    if (step) choose({ frame: Math.min(frameCount() - 1, Math.max(0, state.frame + step)) });
  };
  const fingers = new Map();
  let moved = 0;
  view.onpointerdown = (event) => { view.setPointerCapture(event.pointerId); fingers.set(event.pointerId, event); moved = 0; view.classList.add("turning"); };
  view.onpointermove = (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY], pixel = 2 * halfSpan()[1] / view.clientHeight;
    moved += Math.abs(dx) + Math.abs(dy);
    if (fingers.size > 1) {
      const other = [...fingers.values()].find((finger) => finger.pointerId !== event.pointerId);
      const apart = (finger) => Math.hypot(finger.clientX - other.clientX, finger.clientY - other.clientY);
      state.zoom = Math.min(200, Math.max(0.3, state.zoom * apart(event) / Math.max(apart(before), 1)));
    }
    if (event.shiftKey || event.buttons === 2 || fingers.size > 1) {
      state.pan = [state.pan[0] - dx * pixel / fingers.size, state.pan[1] + dy * pixel / fingers.size];
    } else {
      state.azimuth -= 0.4 * dx;
      state.elevation = Math.max(-90, Math.min(90, state.elevation + 0.4 * dy));
    }
    fingers.set(event.pointerId, event);
    state.dirty = true;
  };
  view.onpointerup = view.onpointercancel = (event) => {
    fingers.delete(event.pointerId);
    view.classList.remove("turning");
    const box = view.getBoundingClientRect(), dense = view.width / box.width;
    if (event.type === "pointerup" && moved < 4) {
      choose({ picked: pick(Math.round((event.clientX - box.left) * dense), view.height - 1 - Math.round((event.clientY - box.top) * dense)) });
    }
  };
  view.oncontextmenu = (event) => event.preventDefault();
  view.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = view.getBoundingClientRect(), span = halfSpan(), factor = Math.exp(-0.0015 * event.deltaY);
    const at = [2 * (event.clientX - box.left) / box.width - 1, 1 - 2 * (event.clientY - box.top) / box.height];
    const zoom = Math.min(200, Math.max(0.3, state.zoom * factor)), kept = 1 - state.zoom / zoom;
    state.pan = state.pan.map((pan, i) => pan + at[i] * span[i] * kept);  // what is under the pointer stays there
    choose({ zoom }, false);
  }, { passive: false });
}
let last = 0;
function loop(now) {
  $("play").textContent = state.playing ? "❚❚" : "▶";
  if (state.playing && now - last > 1000 / meta.fps) {
    last = now;
    choose({ frame: (state.frame + 1) % frameCount() });
  }
  if (state.dirty) { state.dirty = false; draw(); }
  requestAnimationFrame(loop);
}
async function main() {
  $("title").textContent = meta.title;
  $("statement").textContent = meta.statement;
  document.body.classList.toggle("dark", meta.dark);
  $("night").textContent = meta.dark ? "light" : "dark";
  await unpack();
  build();
  wire();
  state.at = meta.at.slice();
  const wanted = JSON.parse(decodeURIComponent(location.hash.slice(1)) || "{}");  // page.html#{"mode":"cut","axis":0}
  setVariable(wanted.variable || 0);
  Object.assign(state, wanted);
  for (const name of ["variable", "mode", "map", "least", "most"]) $(name).value = state[name];
  $("mode").onchange({ target: $("mode") });
  $("axis").selectedIndex = state.axis;
  setAxis(state.axis);
  draw();
  const wrong = gl.getError();
  if (wrong) throw new Error("WebGL reports error " + wrong + ".");
  requestAnimationFrame(loop);
  document.body.dataset.ready = "yes";
}
main().catch((error) => {
  $("failed").textContent = error.message || String(error);
  $("failed").style.display = "grid";
  document.body.dataset.ready = "failed";
});
