// A client in Rust: the declarations that a binding would generate of vyre.h, and a wrapper that
// frees what it owns. Argument: any. Prints "ok".
use std::ffi::{c_char, c_void, CStr, CString};
use std::ptr::{null, null_mut};

#[repr(C)]
struct SessionOptions {
    struct_size: u32,
    queues: u32,
    device: *const c_char,
    workers: u32,
    ring_slots: u32,
    memory_bytes: u64,
    fuel: u64,
    default_timeout: i64,
    max_wall_time: i64,
    close_timeout: i64,
    options: *const c_void,
    option_count: usize,
}

#[repr(C)]
struct BufferOptions {
    struct_size: u32,
    reserved: u32,
    init: *const c_void,
    options: *const c_void,
    option_count: usize,
}

const DEFAULT_TIMEOUT: i64 = -1;

#[link(name = "vyre")]
extern "C" {
    fn vyre_abi_version() -> u32;
    fn vyre_error_text(error: *const c_void) -> *const c_char;
    fn vyre_error_free(error: *mut c_void);
    fn vyre_session_open(options: *const SessionOptions, session: *mut *mut c_void) -> *mut c_void;
    fn vyre_session_free(session: *mut c_void);
    fn vyre_queue_main(session: *mut c_void, queue: *mut *mut c_void) -> *mut c_void;
    fn vyre_queue_free(queue: *mut c_void);
    fn vyre_op_find(session: *mut c_void, name: *const c_char, op: *mut u64) -> *mut c_void;
    fn vyre_buffer_new(
        queue: *mut c_void,
        bytes: u64,
        options: *const BufferOptions,
        timeout: i64,
        buffer: *mut u64,
    ) -> *mut c_void;
    fn vyre_run(
        queue: *mut c_void,
        op: u64,
        inputs: *const u64,
        input_count: usize,
        param: u32,
        timeout: i64,
        outputs: *mut u64,
        capacity: usize,
        count: *mut usize,
    ) -> *mut c_void;
    fn vyre_buffer_read(
        session: *mut c_void,
        buffer: u64,
        offset: u64,
        to: *mut c_void,
        bytes: u64,
        timeout: i64,
    ) -> *mut c_void;
}

fn checked(error: *mut c_void) -> Result<(), String> {
    if error.is_null() {
        return Ok(());
    }
    let text = unsafe { CStr::from_ptr(vyre_error_text(error)) }.to_string_lossy().into_owned();
    unsafe { vyre_error_free(error) };
    Err(text)
}

struct Session {
    session: *mut c_void,
    queue: *mut c_void,
}

// Any thread may call any function of the library.
unsafe impl Send for Session {}
unsafe impl Sync for Session {}

impl Session {
    fn open() -> Result<Session, String> {
        let device = CString::new("cpu").unwrap();
        let options = SessionOptions {
            struct_size: std::mem::size_of::<SessionOptions>() as u32,
            queues: 0,
            device: device.as_ptr(),
            workers: 2,
            ring_slots: 0,
            memory_bytes: 0,
            fuel: 0,
            default_timeout: 0,
            max_wall_time: 0,
            close_timeout: 0,
            options: null(),
            option_count: 0,
        };
        let mut made = Session { session: null_mut(), queue: null_mut() };
        checked(unsafe { vyre_session_open(&options, &mut made.session) })?;
        checked(unsafe { vyre_queue_main(made.session, &mut made.queue) })?;
        Ok(made)
    }

    fn op(&self, name: &str) -> Result<u64, String> {
        let name = CString::new(name).unwrap();
        let mut op = 0;
        checked(unsafe { vyre_op_find(self.session, name.as_ptr(), &mut op) })?;
        Ok(op)
    }

    fn crc32c(&self, data: &[u8]) -> Result<u32, String> {
        let options = BufferOptions {
            struct_size: std::mem::size_of::<BufferOptions>() as u32,
            reserved: 0,
            init: data.as_ptr().cast(),
            options: null(),
            option_count: 0,
        };
        let (mut input, mut output, mut count, mut word) = (0u64, 0u64, 0usize, 0u32);
        let op = self.op("hash.crc32c")?;
        unsafe {
            let size = data.len() as u64;
            checked(vyre_buffer_new(self.queue, size, &options, DEFAULT_TIMEOUT, &mut input))?;
            checked(vyre_run(
                self.queue, op, &input, 1, 0, DEFAULT_TIMEOUT, &mut output, 1, &mut count,
            ))?;
            let to: *mut u32 = &mut word;
            checked(vyre_buffer_read(self.session, output, 0, to.cast(), 4, DEFAULT_TIMEOUT))?;
        }
        Ok(word)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        unsafe {
            vyre_queue_free(self.queue);
            vyre_session_free(self.session);
        }
    }
}

fn main() -> Result<(), String> {
    assert_eq!(unsafe { vyre_abi_version() }, 0);
    let session = Session::open()?;
    assert_eq!(session.crc32c(b"123456789")?, 0xe306_9283);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_eq!(session.crc32c(b"123456789").unwrap(), 0xe306_9283));
        }
    });
    assert!(session.op("no such op").unwrap_err().contains("no such op"));
    println!("ok");
    Ok(())
}
