// Reads the test picture's time code from a canvas: device/media/timecode.py has the layout.
// Gives milliseconds since 1970, or null where no valid code stands. `pen` is a 2d context that the whole
// picture was drawn into, unscaled, `width` × `height` pixels.
function readTimeCode(pen, width, height) {
  const blocks = 48;
  const timeBits = 42;
  const pixels = pen.getImageData(0, Math.floor((height * 57) / 60), width, 1).data;
  const bits = [];
  for (let block = 0; block < blocks; block += 1) {
    const centre = Math.floor((((block + 0.5) * 3) / 160 + 1 / 20) * width);
    bits.push(pixels[centre * 4 + 1] > 127 ? 1 : 0);
  }
  let check = 15;
  let millis = 0;
  for (let place = 0; place < timeBits; place += 1) {
    const bit = bits[2 + timeBits - 1 - place];
    check ^= bit << (place % 4);
    millis += bit * 2 ** place;
  }
  const sent = bits.slice(-4).reduce((value, bit) => value * 2 + bit, 0);
  return bits[0] === 1 && bits[1] === 0 && sent === check ? millis : null;
}
