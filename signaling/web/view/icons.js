/**
 * The page's own drawings: 24×24, in the text's colour, decoration only.
 */

const SVG = "http://www.w3.org/2000/svg";

/** @type {Record<string, string[]>} */
const PATHS = {
  answer: [
    "M5 4h3.500l1.500 4.500-2 1.500a11 11 0 0 0 6 6l1.500-2 4.500 1.500V19a2 2 0 0 1-2 2A15 15 0 0 1 3 6a2 2 0 0 1 2-2z",
  ],
  hangUp: [
    "M3.500 14.500c0-5 17-5 17 0v1.500a1.500 1.500 0 0 1-1.500 1.500h-2.500A1.500 1.500 0 0 1 15 16v-1.800a15 15 0 0 0-6 0V16a1.500 1.500 0 0 1-1.500 1.500H5A1.500 1.500 0 0 1 3.500 16z",
  ],
  decline: ["M6 6l12 12", "M18 6L6 18"],
  close: ["M6 6l12 12", "M18 6L6 18"],
  open: ["M6 21V5a2 2 0 0 1 2-2h8a2 2 0 0 1 2 2v16", "M3.500 21h17", "M14.500 12v1.500"],
  ajar: ["M6 21V5a2 2 0 0 1 2-2h8a2 2 0 0 1 2 2v16", "M3.500 21h17", "M6 3.500l6.500 3V21", "M10 13v1.500"],
  shut: ["M6 21V5a2 2 0 0 1 2-2h8a2 2 0 0 1 2 2v16z", "M3.500 21h17", "M14.500 12v1.500"],
  look: [
    "M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12z",
    "M12 9.200a2.800 2.800 0 1 1 0 5.600 2.800 2.800 0 0 1 0-5.600z",
  ],
  mute: ["M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3z", "M5.500 11a6.500 6.500 0 0 0 13 0", "M12 17.500V21"],
  unmute: [
    "M9 9.500V11a3 3 0 0 0 4.600 2.500M15 10.500V6a3 3 0 0 0-5.700-1.300",
    "M5.500 11a6.500 6.500 0 0 0 10.400 5.200M18 13.500a6.500 6.500 0 0 0 .5-2.500",
    "M12 17.500V21",
    "M4 3l16 18",
  ],
  shield: ["M12 3l7.500 3v5.500c0 4.500-3 8-7.500 9.500-4.500-1.500-7.500-5-7.500-9.500V6z", "M12 8.500v4", "M12 15.800v.2"],
  bell: ["M6 16.500V11a6 6 0 0 1 12 0v5.500l1.500 1.500h-15z", "M10 20.500a2.200 2.200 0 0 0 4 0"],
  settings: [
    "M4 7.500h8M18 7.500h2", "M15 5a2.500 2.500 0 1 1 0 5 2.500 2.500 0 0 1 0-5z",
    "M4 16.500h2M12 16.500h8", "M9 14a2.500 2.500 0 1 1 0 5 2.500 2.500 0 0 1 0-5z",
  ],
  volume: ["M4 9.500v5h3.500L12 18.500v-13l-4.500 4z", "M15.500 9.200a4.200 4.200 0 0 1 0 5.600", "M18.200 6.800a7.800 7.800 0 0 1 0 10.400"],
  float: ["M5 5h14a1.500 1.500 0 0 1 1.500 1.500v11A1.500 1.500 0 0 1 19 19H5a1.500 1.500 0 0 1-1.500-1.500v-11A1.500 1.500 0 0 1 5 5z", "M12.500 12.500h4.500v3h-4.500z"],
  whole: ["M4 9V4h5", "M20 9V4h-5", "M4 15v5h5", "M20 15v5h-5"],
  check: ["M5 12.500l4.500 4.500L19 7.500"],
  retry: ["M19.500 12a7.500 7.500 0 1 1-2.200-5.300", "M19.500 3.500V8H15"],
  phone: [
    "M8.500 3h7A1.500 1.500 0 0 1 17 4.500v15a1.500 1.500 0 0 1-1.500 1.500h-7A1.500 1.500 0 0 1 7 19.500v-15A1.500 1.500 0 0 1 8.500 3z", "M11 18h2",
  ],
  visitor: ["M12 4.500a3.700 3.700 0 1 1 0 7.400 3.700 3.700 0 0 1 0-7.400z", "M4.800 20a7.200 7.200 0 0 1 14.400 0"],
  warning: ["M12 4.200L20.800 19.500H3.200z", "M12 10v4.500", "M12 17v.2"],
  away: [
    "M4 9.500A12 12 0 0 1 9 6.700M14 6.400a12 12 0 0 1 6 3.100", "M7.200 13a7.200 7.200 0 0 1 3.300-1.900M15.500 12a7.200 7.200 0 0 1 1.400 1",
    "M12 17.500v.2", "M4 3.500l16 17",
  ],
  answered: ["M18.500 5.500L6.500 17.500", "M6.500 9v8.500H15"],
  missed: ["M20 7l-8.200 8.200L4 7.500", "M4 13V7.500h5.500"],
  declined: ["M7 7l10 10", "M17 7L7 17"],
  failed: ["M12 5.500v8", "M12 17.500v.3"],
  home: ["M4 11.500L12 4.500l8 7", "M6 10v9.500h12V10", "M10.500 19.500v-5h3v5"],
};

/** @param {string} name @returns {SVGSVGElement} hidden from assistive technology */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  for (const d of PATHS[name]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

/** Three bars, of which `data-quality` of an ancestor fills some. @returns {SVGSVGElement} */
export function bars() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon", "bars");
  for (const [x, height] of [[4, 6], [10, 11], [16, 16]]) {
    const bar = document.createElementNS(SVG, "rect");
    for (const [name, value] of Object.entries({ x, y: 20 - height, width: 4, height, rx: 1.2 })) bar.setAttribute(name, String(value));
    svg.append(bar);
  }
  return svg;
}
