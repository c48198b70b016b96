// SPDX-License-Identifier: BSD-2-Clause
// The least that a program does with a tun device: packets DEVICE COUNT, rustc -O packets.rs
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::fd::FromRawFd;
use std::{env, thread, time::Duration};

const EIO: i32 = 5;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = env::args().collect();
    let mut left: u32 = arguments[2].parse().expect("a number");
    let mut device = match env::var("TUNTAPD_FD") {
        // tuntapd fd: it is open already, and nobody else's
        Ok(number) => unsafe { File::from_raw_fd(number.parse().expect("a number")) },
        Err(_) => OpenOptions::new().read(true).write(true).open(&arguments[1])?,
    };
    println!("open");
    let mut packet = [0u8; 65536];
    while left > 0 {
        match device.read(&mut packet) {
            // one packet, whole
            Ok(n) if n >= 20 && packet[0] >> 4 == 4 => {
                println!("{} bytes to {}.{}.{}.{}", n, packet[16], packet[17], packet[18], packet[19]);
                left -= 1;
            }
            Ok(_) => {}
            // the interface is not up: wait until somebody brings it up
            Err(error) if error.raw_os_error() == Some(EIO) => thread::sleep(Duration::from_millis(100)),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
