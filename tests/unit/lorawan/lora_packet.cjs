// Answers questions about LoRaWAN frames with the npm package lora-packet: a list of tasks as JSON on stdin, the
// list of answers on stdout. Byte strings are hex. The package takes the upper half of a frame counter little endian.
const lora = require("lora-packet");
const hex = (buffer) => (buffer ? buffer.toString("hex") : "");
const bytes = (text) => Buffer.from(text, "hex");

const tasks = {
  // MIC, plaintext and FOpts of a data frame; for 1.1 the two integrity keys and what the MIC binds
  read_data({ phy_payload, f_cnt_high, version, f_nwk_s_int_key, s_nwk_s_int_key, nwk_s_enc_key, app_s_key, bound }) {
    const packet = lora.fromWire(bytes(phy_payload));
    const high = bytes(f_cnt_high);
    const is11 = version === "1.1";
    const valid = is11
      ? lora.verifyMIC(packet, bytes(f_nwk_s_int_key), bytes(s_nwk_s_int_key), high, bytes(bound))
      : lora.verifyMIC(packet, bytes(f_nwk_s_int_key), undefined, high);
    const hasPayload = packet.FRMPayload && packet.FRMPayload.length > 0;
    const hasFOpts = packet.FOpts && packet.FOpts.length > 0;
    return {
      valid,
      dev_addr: hex(packet.DevAddr),
      f_cnt: packet.getFCnt(),
      f_port: packet.getFPort(),
      m_type: packet.getMType(),
      adr: packet.getFCtrlADR(),
      ack: packet.getFCtrlACK(),
      frm_payload: hasPayload ? hex(lora.decrypt(packet, bytes(app_s_key), bytes(nwk_s_enc_key), high)) : "",
      f_opts: !hasFOpts ? "" : hex(is11 ? packet.decryptFOpts(bytes(nwk_s_enc_key), undefined, high) : packet.FOpts),
    };
  },
  make_data({ m_type, dev_addr, f_cnt, f_cnt_high, f_port, frm_payload, f_opts, adr, ack, nwk_s_key, app_s_key }) {
    const packet = lora.fromFields(
      {
        MType: m_type,
        DevAddr: bytes(dev_addr),
        FCtrl: { ADR: adr, ACK: ack, ADRACKReq: false, FPending: false },
        FCnt: f_cnt,
        FOpts: bytes(f_opts),
        FPort: f_port,
        payload: bytes(frm_payload),
      },
      bytes(app_s_key),
      bytes(nwk_s_key),
      undefined,
      bytes(f_cnt_high),
    );
    return { phy_payload: hex(packet.getPHYPayload()) };
  },
  read_join_request({ phy_payload, app_key }) {
    const packet = lora.fromWire(bytes(phy_payload));
    return {
      valid: lora.verifyMIC(packet, undefined, bytes(app_key)),
      join_eui: hex(packet.AppEUI),
      dev_eui: hex(packet.DevEUI),
      dev_nonce: hex(packet.DevNonce),
    };
  },
  make_join_request({ join_eui, dev_eui, dev_nonce, app_key }) {
    const fields = { MType: 0, AppEUI: bytes(join_eui), DevEUI: bytes(dev_eui), DevNonce: bytes(dev_nonce) };
    return { phy_payload: hex(lora.fromFields(fields, undefined, undefined, bytes(app_key)).getPHYPayload()) };
  },
  read_join_accept({ phy_payload, app_key }) {
    const plain = lora.decryptJoinAccept(lora.fromWire(bytes(phy_payload)), bytes(app_key));
    const packet = lora.fromWire(plain);
    return {
      valid: lora.verifyMIC(packet, undefined, bytes(app_key)),
      join_nonce: hex(packet.AppNonce),
      net_id: hex(packet.NetID),
      dev_addr: hex(packet.DevAddr),
      dl_settings: hex(packet.DLSettings),
      rx_delay: hex(packet.RxDelay),
      cf_list: hex(packet.CFList),
    };
  },
  session_keys({ app_key, nwk_key, net_id, join_eui, dev_eui, join_nonce, dev_nonce }) {
    const v10 = lora.generateSessionKeys(bytes(app_key), bytes(net_id), bytes(join_nonce), bytes(dev_nonce));
    const v11 = lora.generateSessionKeys11(
      bytes(app_key), bytes(nwk_key), bytes(join_eui), bytes(join_nonce), bytes(dev_nonce),
    );
    const js = lora.generateJSKeys(bytes(nwk_key), bytes(dev_eui));
    return Object.fromEntries(
      [
        ["nwk_s_key_1_0", v10.NwkSKey],
        ["app_s_key_1_0", v10.AppSKey],
        ["f_nwk_s_int_key", v11.FNwkSIntKey],
        ["s_nwk_s_int_key", v11.SNwkSIntKey],
        ["nwk_s_enc_key", v11.NwkSEncKey],
        ["app_s_key", v11.AppSKey],
        ["js_int_key", js.JSIntKey],
        ["js_enc_key", js.JSEncKey],
      ].map(([name, key]) => [name, hex(key)]),
    );
  },
};

const questions = JSON.parse(require("fs").readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(questions.map((question) => tasks[question.task](question))));
