// SPDX-License-Identifier: BSD-2-Clause
//! A tunnel of packets over UDP, as a user of the crate `tun` writes one: tun-bridge NAME LOCAL REMOTE [ADDRESS].
//!
//! With ADDRESS the crate configures the interface, which takes root; without, somebody else does.
use std::error::Error;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, UdpSocket};
use std::{env, thread};
use tun::AbstractDevice;

const PORT: u16 = 5555;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let arguments: Vec<String> = env::args().collect();
    let address: Option<Ipv4Addr> = arguments.get(4).map(|a| a.parse()).transpose()?;
    let mut configuration = tun::Configuration::default();
    configuration.tun_name(&arguments[1]);
    configuration.platform_config(|c| {
        c.ensure_root_privileges(address.is_some());
    });
    if let Some(address) = address {
        configuration.address(address).netmask((255, 255, 255, 0)).mtu(1400).up();
    }
    let device = tun::create(&configuration)?;
    let socket = UdpSocket::bind((arguments[2].as_str(), PORT))?;
    socket.connect((arguments[3].as_str(), PORT))?;
    println!("ready {}", device.tun_name()?);

    let (mut reader, mut writer) = device.split();
    let sender = socket.try_clone()?;
    thread::spawn(move || {
        let mut packet = [0; 2048];
        loop {
            let bytes = reader.read(&mut packet).expect("the device is read");
            // The other end may not be there yet.
            let _ = sender.send(&packet[..bytes]);
        }
    });
    let mut packet = [0; 2048];
    loop {
        if let Ok(bytes) = socket.recv(&mut packet) {
            // While the interface is down packets are lost, as on a cable.
            let _ = writer.write(&packet[..bytes]);
        }
    }
}
